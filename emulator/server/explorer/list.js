// A list of any length of which only what is visible exists; a listbox for the keyboard.
import { h } from "./dom.js";

const ROW = 46; // px, as in explorer.css
const SPARE = 6;

export class VirtualList {
  constructor(host, { render, key, choose, name }) {
    this.items = [];
    this.render = render;
    this.key = key;
    this.choose = choose;
    this.active = null; // a key
    this.rows = new Map(); // key -> row
    this.host = host;
    this.inner = h("div", { class: "rows" });
    host.setAttribute("role", "listbox");
    host.setAttribute("aria-label", name);
    host.tabIndex = 0;
    host.append(this.inner);
    host.addEventListener("scroll", () => this.later(), { passive: true });
    host.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.later()).observe(host);
  }

  show(items) {
    this.items = items;
    this.later();
  }

  select(key) {
    this.active = key;
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    const { host, items } = this;
    this.inner.style.height = `${items.length * ROW}px`;
    const first = Math.max(0, Math.floor(host.scrollTop / ROW) - SPARE);
    const last = Math.min(items.length, Math.ceil((host.scrollTop + host.clientHeight) / ROW) + SPARE);
    const kept = new Set();
    for (let i = first; i < last; i += 1) {
      const item = items[i];
      const key = this.key(item);
      kept.add(key);
      let row = this.rows.get(key);
      if (!row) {
        row = h("div", { role: "option", class: "row", id: `row-${key}`, onclick: () => this.choose(row.item) });
        this.rows.set(key, row);
        this.inner.append(row);
      }
      row.item = item;
      row.style.top = `${i * ROW}px`;
      row.setAttribute("aria-selected", String(key === this.active));
      row.setAttribute("aria-posinset", String(i + 1));
      row.setAttribute("aria-setsize", String(items.length));
      this.render(row, item);
    }
    for (const [key, row] of this.rows) {
      if (kept.has(key)) continue;
      row.remove();
      this.rows.delete(key);
    }
    if (this.active !== null && kept.has(this.active)) host.setAttribute("aria-activedescendant", `row-${this.active}`);
    else host.removeAttribute("aria-activedescendant");
  }

  press(event) {
    const at = this.items.findIndex((item) => this.key(item) === this.active);
    const page = Math.max(1, Math.floor(this.host.clientHeight / ROW) - 1);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.items.length - 1 };
    if (!(event.key in moves) || !this.items.length) return;
    event.preventDefault();
    const next = Math.min(this.items.length - 1, Math.max(0, moves[event.key]));
    const top = next * ROW;
    if (top < this.host.scrollTop) this.host.scrollTop = top;
    else if (top + ROW > this.host.scrollTop + this.host.clientHeight) this.host.scrollTop = top + ROW - this.host.clientHeight;
    this.choose(this.items[next]);
  }
}
