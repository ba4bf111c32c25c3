// What happened when: lanes on a canvas that can be zoomed and moved, and the same as a list of text.
import { button, clock, fill, h, span } from "./dom.js";

export const CATEGORIES = {
  request: ["requests", "#2aa1c0"],
  fetch: ["fetch events", "#2f6fde"],
  rpc: ["RPC", "#8a4fd3"],
  websocket: ["sockets", "#0f8f84"],
  alarm: ["alarms", "#c07a00"],
  storage: ["storage", "#5d7f1e"],
  gate: ["gate waits", "#c2255c"],
  life: ["life", "#68717d"],
  console: ["console", "#a0663c"],
  error: ["errors", "#d92d20"],
};
const LANE = 22;
const AXIS = 20;
const LISTED = 300;
const SPAN_MIN_MS = 5;
const SPAN_MAX_MS = 24 * 3600 * 1000;

export class Timeline {
  /** `store`: see events.js; `only`: namespace and id, or null for all objects; `open(lane)`: one was chosen. */
  constructor(store, only, open) {
    this.store = store;
    this.only = only;
    this.open = open;
    this.length = 30_000;
    this.end = null; // null: now, live
    this.hidden = new Set();
    this.text = "";
    this.canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": "Timeline; the list below has the same as text. Arrow keys move, plus and minus zoom." });
    this.about = h("p", { class: "quiet" }, "\u00a0");
    this.list = h("ol", { class: "events", tabindex: "0", "aria-label": "Events, the newest first" });
    this.liveButton = button("Pause", () => this.toggle());
    this.zoomText = h("span", { class: "quiet" });
    this.element = h(
      "div",
      { class: "timeline" },
      h(
        "div",
        { class: "actions" },
        this.liveButton,
        button("Zoom in", () => this.zoom(0.5)),
        button("Zoom out", () => this.zoom(2)),
        button("Everything", () => this.fit()),
        this.zoomText,
        h("label", { class: "hidden", for: "event-filter" }, "Filter events by text"),
        h("input", { type: "search", id: "event-filter", placeholder: "Filter events", oninput: (event) => this.filter(event.target.value) }),
        h("a", { href: store.traceUrl(only), download: "trace.json" }, "Chrome trace"),
      ),
      h(
        "div",
        { class: "legend", role: "group", "aria-label": "Kinds of events" },
        Object.entries(CATEGORIES).map(([key, [name, colour]]) => {
          const swatch = h("i");
          swatch.style.background = colour;
          return h("label", {}, h("input", { type: "checkbox", checked: true, onchange: (event) => this.toggleKind(key, event.target.checked) }), swatch, name);
        }),
      ),
      this.canvas,
      this.about,
      this.list,
    );
    this.listen();
    this.observer = new ResizeObserver(() => this.later());
    this.observer.observe(this.canvas);
    this.stop = store.subscribe(() => this.later());
    this.timer = setInterval(() => this.end === null && this.later(), 250);
  }

  destroy() {
    this.stop();
    clearInterval(this.timer);
    this.observer.disconnect();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) < Math.abs(event.deltaY) && !event.shiftKey) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event.offsetX));
      else this.move(((event.deltaX || event.deltaY) / canvas.clientWidth) * this.length);
    }, { passive: false });
    canvas.addEventListener("dblclick", (event) => this.zoom(0.5, this.timeAt(event.offsetX)));
    canvas.addEventListener("pointerdown", (event) => {
      this.dragged = { x: event.clientX, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.dragged && event.buttons) {
        const dx = event.clientX - this.dragged.x;
        if (Math.abs(dx) > 3) this.dragged.moved = true;
        if (this.dragged.moved) {
          this.move((-dx / canvas.clientWidth) * this.length);
          this.dragged.x = event.clientX;
        }
      } else this.point(event.offsetX, event.offsetY);
    });
    canvas.addEventListener("pointerup", (event) => {
      const lane = this.lanes?.[Math.floor((event.offsetY - AXIS) / LANE)];
      if (this.dragged && !this.dragged.moved && lane?.id && !this.only) this.open(lane);
      this.dragged = null;
    });
    canvas.addEventListener("keydown", (event) => {
      const act = {
        ArrowLeft: () => this.move(-this.length / 8),
        ArrowRight: () => this.move(this.length / 8),
        "+": () => this.zoom(0.5),
        "=": () => this.zoom(0.5),
        "-": () => this.zoom(2),
        End: () => this.end !== null && this.toggle(),
      }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  now() {
    return this.end ?? this.store.now();
  }

  timeAt(x) {
    return this.now() - this.length + (x / this.canvas.clientWidth) * this.length;
  }

  toggle() {
    this.end = this.end === null ? this.store.now() : null;
    this.later();
  }

  move(ms) {
    this.end = this.now() + ms;
    if (this.end >= this.store.now()) this.end = null;
    this.later();
  }

  zoom(factor, around) {
    const length = Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, this.length * factor));
    const end = this.now();
    if (around !== undefined || this.end !== null) {
      const fixed = around ?? end - this.length / 2;
      this.end = fixed + ((end - fixed) * length) / this.length;
      if (this.end >= this.store.now()) this.end = null;
    }
    this.length = length;
    this.later();
  }

  fit() {
    const items = this.visible();
    if (!items.length) return;
    this.end = null;
    this.length = Math.min(SPAN_MAX_MS, Math.max(1000, (this.store.now() - items[0].start) * 1.05));
    this.later();
  }

  filter(text) {
    this.text = text.toLowerCase();
    this.later();
  }

  toggleKind(key, isShown) {
    if (isShown) this.hidden.delete(key);
    else this.hidden.add(key);
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  visible() {
    return this.store.items.filter(
      (item) =>
        (!this.only || (item.id === this.only.id && item.namespace === this.only.namespace)) &&
        !this.hidden.has(item.category) &&
        (!this.text || item.search.includes(this.text)),
    );
  }

  draw() {
    const items = this.visible();
    const end = this.now();
    const start = end - this.length;
    const shown = items.filter((item) => (item.end ?? end) >= start && item.start <= end);
    this.lanes = this.lanesOf(shown);
    this.paint(shown, start, end);
    this.liveButton.textContent = this.end === null ? "Pause" : "Live";
    this.zoomText.textContent = `${span(this.length)} shown`;
    const listed = shown.slice(-LISTED).reverse();
    const signature = `${listed[0]?.seq}:${listed.at(-1)?.seq}:${listed.length}:${listed[0]?.end}`;
    if (signature === this.signature) return;
    this.signature = signature;
    fill(
      this.list,
      listed.map((item) =>
        h("li", { class: item.isError ? "error" : "" }, h("time", {}, clock(item.start)), h("span", {}, item.object), h("span", {}, item.text)),
      ),
    );
    if (!listed.length) fill(this.list, h("li", {}, h("span", { class: "quiet" }, "nothing here")));
  }

  lanesOf(items) {
    const lanes = new Map();
    for (const item of items) {
      const key = this.only ? item.category : `${item.namespace}/${item.id}`;
      if (!lanes.has(key)) lanes.set(key, { key, id: item.id, namespace: item.namespace, title: this.only ? CATEGORIES[item.category][0] : item.object, items: [] });
      lanes.get(key).items.push(item);
    }
    return [...lanes.values()].slice(0, 40);
  }

  paint(items, start, end) {
    const { canvas, lanes } = this;
    const width = canvas.clientWidth;
    const height = AXIS + Math.max(3, lanes.length) * LANE + 4;
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const style = getComputedStyle(canvas);
    const [line, quiet, text] = ["--line", "--quiet", "--text"].map((name) => style.getPropertyValue(name));
    const brush = canvas.getContext("2d");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, width, height);
    brush.font = "11px system-ui, sans-serif";
    const x = (time) => ((time - start) / (end - start)) * width;
    this.axis(brush, start, end, x, height, line, quiet);
    this.boxes = [];
    lanes.forEach((lane, index) => {
      const y = AXIS + index * LANE;
      brush.fillStyle = line;
      brush.fillRect(0, y + LANE - 1, width, 1);
      for (const item of lane.items) {
        const from = Math.max(-2, x(item.start));
        const size = Math.max(item.isSpan ? 3 : 4, Math.min(width, x(item.end ?? end)) - from);
        brush.fillStyle = item.isError ? CATEGORIES.error[1] : CATEGORIES[item.category][1];
        if (item.isSpan) brush.fillRect(from, y + 4, size, LANE - 9);
        else {
          brush.beginPath();
          brush.arc(from, y + LANE / 2 - 1, 4, 0, 7);
          brush.fill();
        }
        this.boxes.push({ from: from - 4, to: from + size + 3, y, item });
      }
      brush.fillStyle = text;
      brush.globalAlpha = 0.75;
      brush.fillText(lane.title.slice(0, 40), 6, y + LANE / 2 + 3);
      brush.globalAlpha = 1;
    });
  }

  axis(brush, start, end, x, height, line, quiet) {
    const rough = (end - start) / 6;
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5].find((size) => size >= rough) ?? 432e5;
    for (let time = Math.ceil(start / step) * step; time < end; time += step) {
      const at = x(time);
      brush.fillStyle = line;
      brush.fillRect(at, 0, 1, height);
      brush.fillStyle = quiet;
      brush.fillText(step < 1000 ? clock(time) : clock(time).slice(0, 8), at + 3, 13);
    }
  }

  point(px, py) {
    const found = this.boxes?.findLast((box) => px >= box.from && px <= box.to && py >= box.y && py < box.y + LANE)?.item;
    const took = found?.isSpan && found.end ? `, ${span(found.end - found.start)}` : "";
    this.about.textContent = found ? `${clock(found.start)}  ${found.object}  ${found.text}${took}` : "\u00a0";
  }
}
