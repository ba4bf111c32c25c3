// SQL: the tables, and statements to run, explain and export.
import { button, download, fill, h, table } from "./dom.js";

const ROWS = 200;

export class Sql {
  constructor(app, key) {
    this.app = app;
    this.key = key;
    this.tables = h("div", { class: "actions", role: "group", "aria-label": "Tables" });
    this.text = h("textarea", { id: "sql", "aria-label": "SQL", spellcheck: "false", onkeydown: (event) => this.press(event) });
    this.writes = h("input", { type: "checkbox", id: "sql-writes" });
    this.result = h("div", { "aria-live": "polite" });
    this.element = h(
      "div",
      {},
      this.tables,
      this.text,
      h(
        "div",
        { class: "actions" },
        button("Run", () => this.run(), { class: "main", title: "Ctrl+Enter" }),
        button("Explain", () => this.run(true)),
        h("label", { for: "sql-writes" }, this.writes, " may write"),
        button("Export CSV", () => this.exportAs("csv")),
        button("Export JSON", () => this.exportAs("json")),
      ),
      this.result,
    );
  }

  destroy() {}

  press(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.run();
    }
  }

  async refresh() {
    const tables = await this.app.api.tables(this.key);
    fill(
      this.tables,
      tables.length
        ? tables.filter((found) => !found.internal || tables.every((other) => other.internal)).map((found) => button(`${found.name} (${found.rows ?? found.type})`, () => this.look(found.name), { title: found.sql }))
        : h("p", { class: "quiet" }, "No tables."),
    );
  }

  look(name) {
    this.text.value = `SELECT * FROM "${name.replaceAll('"', '""')}" LIMIT ${ROWS}`;
    return this.run();
  }

  async run(isExplained = false) {
    const query = this.text.value.trim();
    if (!query) return;
    try {
      this.found = await this.app.api.query(this.key, { sql: query, mode: isExplained ? "explain" : this.writes.checked ? "write" : "read" });
    } catch (error) {
      fill(this.result, h("p", { class: "problem" }, error.message));
      return;
    }
    const { columns, rows, meta, truncated } = this.found;
    const cell = (value) => (value === null ? h("span", { class: "quiet" }, "NULL") : typeof value === "object" ? h("code", {}, JSON.stringify(value)) : String(value));
    fill(
      this.result,
      h("p", { class: "quiet" }, `${rows.length} rows${truncated ? ", the first ones" : ""}; ${meta.rows_read} read, ${meta.rows_written} written, ${meta.duration_ms.toFixed(1)} ms`),
      columns.length ? table("Result", columns, rows.map((row) => row.map(cell)), "No rows.") : null,
    );
    if (this.writes.checked) await this.refresh();
  }

  exportAs(format) {
    if (!this.found) return;
    const { columns, rows } = this.found;
    if (format === "json") {
      const objects = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
      download("rows.json", "application/json", JSON.stringify(objects, null, 2));
      return;
    }
    const quote = (value) => {
      const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    download("rows.csv", "text/csv", [columns, ...rows].map((row) => row.map(quote).join(",")).join("\r\n"));
  }

  onEvents(events) {
    return events.some((event) => event.category === "storage") ? this.refresh() : undefined;
  }
}
