// What the code printed, the newest first.
import { clock, fill, h, label } from "./dom.js";

const LINES = 500;

export class Console {
  constructor(app, key) {
    this.app = app;
    this.key = key;
    this.list = h("ol", { class: "events", tabindex: "0", "aria-label": "Console, the newest first" });
    this.element = h("div", {}, this.list);
  }

  destroy() {}

  async refresh() {
    const lines = this.app.events.lines.filter((line) => !this.key || (line.id === this.key.id && line.namespace === this.key.namespace));
    const shown = lines.slice(-LINES).reverse();
    fill(
      this.list,
      shown.map((line) =>
        h("li", { class: line.level === "error" ? "error" : "" }, h("time", {}, clock(line.time_ms)), h("span", {}, line.id ? `${line.class} ${label(line)}` : "worker"), h("span", { class: "mono" }, line.text)),
      ),
    );
    if (!shown.length) fill(this.list, h("li", {}, h("span", { class: "quiet" }, "nothing was printed")));
  }

  onEvents() {
    return this.refresh();
  }
}
