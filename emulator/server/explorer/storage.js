// Keys and values, decoded; a value that JSON can say is edited as JSON.
import { button, bytes, fill, h, table } from "./dom.js";

const PAGE = 200;

export class Storage {
  constructor(app, key) {
    this.app = app;
    this.key = key;
    this.prefix = "";
    this.start = null;
    this.table = h("div");
    this.editor = h("div");
    this.more = h("div", { class: "actions" });
    this.element = h(
      "div",
      {},
      h(
        "div",
        { class: "actions" },
        h("label", { for: "prefix" }, "Prefix"),
        h("input", { id: "prefix", type: "search", autocomplete: "off", oninput: (event) => this.search(event.target.value) }),
        button("New key", () => this.edit(null), { class: "main" }),
      ),
      this.editor,
      this.table,
      this.more,
    );
  }

  destroy() {}

  search(prefix) {
    this.prefix = prefix;
    this.start = null;
    return this.refresh();
  }

  async refresh() {
    const { result: entries, result_info: info } = await this.app.api.entries(this.key, { prefix: this.prefix, cursor: this.start, limit: PAGE });
    fill(
      this.table,
      table(
        "Keys and values",
        ["Key", "Value", "Type", "Size", ""],
        entries.map((entry) => [
          h("code", {}, entry.key),
          h("code", {}, entry.preview),
          entry.type,
          bytes(entry.bytes),
          h("span", {}, button("Edit", () => this.edit(entry), { "aria-label": `Edit ${entry.key}` }), " ", button("Delete", () => this.remove(entry), { class: "danger", "aria-label": `Delete ${entry.key}` })),
        ]),
        this.prefix ? "No key begins so." : "Nothing stored by key.",
      ),
    );
    fill(
      this.more,
      this.start === null ? null : button("From the beginning", () => this.page(null)),
      info.cursor ? button("More", () => this.page(info.cursor)) : null,
      h("span", { class: "quiet" }, `${info.total} keys`),
    );
  }

  page(start) {
    this.start = start;
    return this.refresh();
  }

  async edit(listed) {
    const isNew = listed === null;
    const entry = listed?.omitted ? await this.app.run("Loaded", () => this.app.api.entry(this.key, listed.key)) : listed;
    const name = h("input", { id: "kv-key", value: entry?.key ?? "", autocomplete: "off", readonly: !isNew });
    const value = h("textarea", { id: "kv-value", value: entry?.editable ? JSON.stringify(entry.value, null, 2) : "" });
    const problem = h("p", { class: "problem", role: "alert" });
    const save = async () => {
      let parsed;
      try {
        parsed = JSON.parse(value.value);
      } catch (error) {
        problem.textContent = `This is not JSON: ${error.message}`;
        return;
      }
      if ((await this.app.run("Stored", () => this.app.api.put(this.key, name.value, parsed))) !== null) fill(this.editor);
      await this.refresh();
    };
    fill(
      this.editor,
      h(
        "div",
        { class: "edit" },
        h("label", { for: "kv-key" }, "Key"),
        name,
        h("label", { for: "kv-value" }, "Value, as JSON (what JSON cannot say: {\"$date\": ms}, {\"$bigint\": \"1\"}, {\"$bytes\": \"base64\"} …)"),
        entry && !entry.editable ? h("p", { class: "quiet" }, `This value cannot be said in JSON; what you save replaces it: ${entry.preview}`) : null,
        value,
        problem,
        h("div", { class: "actions" }, button("Save", save, { class: "main" }), button("Cancel", () => fill(this.editor))),
      ),
    );
    (isNew ? name : value).focus();
  }

  async remove(entry) {
    if (!confirm(`Delete the key ${entry.key}?`)) return;
    await this.app.run("Deleted", () => this.app.api.removeEntry(this.key, entry.key));
    await this.refresh();
  }

  onEvents(events) {
    return events.some((event) => event.category === "storage") ? this.refresh() : undefined;
  }
}
