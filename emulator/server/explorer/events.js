// What has happened, kept for the views: from the timeline, then live.
import { label } from "./dom.js";

const KEPT = 20_000;
const LINES = 2_000;
const SPARE = 2_000; // so that the arrays are cut seldom

const WORDS = {
  AlarmChanged: (data) => (data.due_ms ? `alarm set to ${new Date(data.due_ms).toLocaleTimeString()}` : "alarm deleted"),
  SocketAccepted: (data) => `accepts a socket${data.tags?.length ? ` (${data.tags.join(", ")})` : ""}`,
  MessageSent: (data) => `sends ${data.frame}, ${data.bytes} bytes`,
  StorageCommitted: (data) => `commits${data.changes ? `, ${data.changes} rows` : ""}`,
  GateWaited: (data) => `waited at the gate: ${data.event ?? "an event"}`,
  ObjectWoke: (data) => `wakes, ${data.generation}. instance`,
  ObjectSlept: () => "sleeps",
  ObjectBroke: (data) => `is reset: ${data.reason}`,
};

export class Events {
  constructor(api) {
    this.api = api;
    this.items = [];
    this.lines = [];
    this.open = new Map(); // seq of a start -> its item
    this.listeners = new Set();
    this.last = 0;
    this.ahead = 0; // of the server's clock
    this.dropped = 0;
  }

  now() {
    return Date.now() + this.ahead;
  }

  setClock(now) {
    this.ahead = now - Date.now();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  traceUrl(key) {
    return this.api.traceUrl(key);
  }

  /** Ask for what was, then listen. `on`: objects(list), gone(list), events(items), state(bool), restart(). */
  async connect(on) {
    const [timeline, lines] = await Promise.all([this.api.timeline(), this.api.console()]);
    this.take(timeline.result);
    this.lines.push(...lines);
    this.listen(on);
  }

  listen(on) {
    const source = this.api.live(this.last);
    let wasOpen = false;
    source.addEventListener("hello", (event) => {
      const hello = JSON.parse(event.data);
      this.setClock(hello.now_ms);
      on.state(true, hello.recording);
      if (hello.seq < this.last) {
        this.items = []; // another process: it counts anew
        this.open.clear();
        this.last = 0;
      }
      if (wasOpen) on.restart();
      wasOpen = true;
    });
    source.addEventListener("batch", (event) => {
      const batch = JSON.parse(event.data);
      this.setClock(batch.now_ms);
      this.dropped += batch.dropped;
      const items = this.take(batch.timeline);
      this.lines.push(...batch.console);
      if (this.lines.length > LINES + SPARE) this.lines = this.lines.slice(-LINES);
      if (batch.stale) on.restart();
      on.objects(batch.objects);
      on.gone(batch.gone);
      if (items.length || batch.console.length) on.events(items);
      for (const listener of this.listeners) listener();
    });
    source.addEventListener("error", () => {
      on.state(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(on), 2000); // refused: try again
    });
  }

  take(entries) {
    const changed = [];
    for (const entry of entries) {
      if (entry.seq <= this.last) continue;
      this.last = entry.seq;
      const item = entry.phase === "end" ? this.finish(entry) : this.begin(entry);
      if (item) changed.push(item);
    }
    if (this.items.length > KEPT + SPARE) this.items = this.items.slice(-KEPT);
    return changed;
  }

  begin(entry) {
    const item = this.item(entry);
    if (entry.phase === "start") this.open.set(entry.seq, item);
    this.items.push(item);
    return item;
  }

  finish(entry) {
    const item = this.open.get(entry.span);
    if (!item) return this.begin(entry); // its start is forgotten
    this.open.delete(entry.span);
    item.end = entry.time_ms;
    item.isError = entry.error !== null;
    const waited = entry.data?.waited_ms > 0.05 ? `, waited ${entry.data.waited_ms.toFixed(1)} ms at the gate` : "";
    item.text = entry.error ? `${item.text}: ${entry.error}` : `${item.text}${waited}`;
    return item;
  }

  item(entry) {
    const object = entry.id ? `${entry.class} ${label(entry)}` : "worker";
    const data = entry.data ?? {};
    const words = WORDS[entry.kind]?.(data) ?? entry.title;
    const caller = data.caller ? `, called by ${data.caller.class} ${label(data.caller)}` : "";
    const text = `${words}${caller}${entry.error && entry.phase !== "start" ? `: ${entry.error}` : ""}`;
    const isSpan = entry.phase !== "instant" || entry.duration_ms > 0;
    const length = entry.duration_ms ?? 0;
    return {
      seq: entry.seq,
      id: entry.id,
      namespace: entry.namespace,
      object,
      category: entry.category,
      text,
      search: `${object} ${entry.category} ${text}`.toLowerCase(),
      start: entry.phase === "start" ? entry.time_ms : entry.time_ms - length,
      end: entry.phase === "start" ? null : entry.time_ms,
      isSpan,
      isError: entry.category === "error" || (entry.error ?? null) !== null,
    };
  }
}
