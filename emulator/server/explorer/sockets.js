// The sockets of an object: tags, attachments, ages, last frames; and sending on one.
import { ago, button, bytes, fill, h, table } from "./dom.js";

const READY = ["connecting", "open", "closing", "closed"];
const SHOWN = 4;

export class Sockets {
  constructor(app, key) {
    this.app = app;
    this.key = key;
    this.table = h("div");
    this.editor = h("div");
    this.element = h("div", {}, this.table, this.editor);
  }

  destroy() {}

  async refresh() {
    const sockets = await this.app.api.sockets(this.key);
    const now = this.app.now();
    fill(
      this.table,
      table(
        "Sockets, the oldest first",
        ["Age", "State", "Tags", "Attachment", "Last frames", ""],
        sockets.map((socket) => [
          ago(socket.opened_ms, now),
          `${READY[socket.ready_state]}${socket.held_by === "object" ? "" : ", keeps the object awake"}${socket.unsent_bytes ? `, ${bytes(socket.unsent_bytes)} unsent` : ""}`,
          socket.tags.join(", "),
          socket.attachment === null ? "" : h("code", {}, JSON.stringify(socket.attachment)),
          this.frames(socket.last_frames, now),
          h("span", {}, button("Send…", () => this.edit(socket), { "aria-label": `Send on socket ${socket.socket}` }), " ", button("Close", () => this.close(socket), { "aria-label": `Close socket ${socket.socket}` })),
        ]),
        "No sockets.",
      ),
    );
  }

  frames(frames, now) {
    return h(
      "span",
      {},
      frames.slice(-SHOWN).reverse().map((frame) =>
        h("div", {}, frame.direction === "in" ? "← " : "→ ", h("code", {}, frame.text === null ? `${frame.kind}, ${frame.bytes} bytes` : `${frame.text}${frame.cut ? "…" : ""}`), " ", h("span", { class: "quiet" }, ago(frame.time_ms, now))),
      ),
    );
  }

  async close(socket) {
    await this.app.run("Closed", () => this.app.api.closeSocket(this.key, socket.socket));
    await this.refresh();
  }

  edit(socket) {
    const text = h("textarea", { id: "frame-text", "aria-label": "Message" });
    const direction = h("select", { id: "frame-to", "aria-label": "Direction" }, h("option", { value: "from_client" }, "as if the client had sent it"), h("option", { value: "to_client" }, "to the client, as the object would"));
    const send = () => this.app.run("Sent", () => this.app.api.send(this.key, socket.socket, { direction: direction.value, text: text.value })).then(() => this.refresh());
    fill(this.editor, h("div", { class: "edit" }, h("b", {}, `Send on the socket of ${ago(socket.opened_ms, this.app.now())}`), text, h("div", { class: "actions" }, direction, button("Send", send, { class: "main" }), button("Cancel", () => fill(this.editor)))));
    text.focus();
  }

  onEvents() {
    return this.refresh();
  }
}
