// The control API (docs/control-api.md), one method for each question.

const BASE = "explorer/api";

export class Problem extends Error {
  constructor(message, status, result) {
    super(message);
    this.status = status;
    this.result = result;
  }
}

function explain(status, body) {
  const message = body?.errors?.map((error) => error.message).join("\n") || `The server answered ${status}.`;
  const blockers = body?.result?.blockers ?? [];
  return [message, ...blockers.map((blocker) => `• ${blocker.kind}: ${blocker.detail}${blocker.source ? ` (${blocker.source})` : ""}`)].join("\n");
}

export class Api {
  url(path, query = {}) {
    const url = new URL(`${BASE}${path}`, document.baseURI);
    for (const [name, value] of Object.entries(query)) if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
    return url;
  }

  async ask(method, path, { query, body } = {}) {
    let response;
    try {
      response = await fetch(this.url(path, query), {
        method,
        headers: body === undefined ? {} : { "Content-Type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new Problem("The server does not answer.", 0);
    }
    const found = await response.json().catch(() => null);
    if (!response.ok || !found?.success) throw new Problem(explain(response.status, found), response.status, found?.result);
    return found;
  }

  async get(path, query) {
    return (await this.ask("GET", path, { query })).result;
  }

  async post(path, body = {}) {
    return (await this.ask("POST", path, { body })).result;
  }

  status() {
    return this.get("/local/status");
  }

  workers() {
    return this.get("/local/workers");
  }

  async objects() {
    const found = [];
    let cursor = "";
    do {
      const page = await this.ask("GET", "/local/objects", { query: { limit: 10_000, cursor } });
      found.push(...page.result);
      cursor = page.result_info?.cursor ?? "";
    } while (cursor);
    return found;
  }

  at({ namespace, id }, rest = "") {
    return `/local/objects/${encodeURIComponent(namespace)}/${id}${rest}`;
  }

  object(key) {
    return this.get(this.at(key));
  }

  sockets(key) {
    return this.get(this.at(key, "/sockets"));
  }

  send(key, socket, message) {
    return this.post(this.at(key, `/sockets/${socket}/send`), message);
  }

  closeSocket(key, socket) {
    return this.post(this.at(key, `/sockets/${socket}/close`), { code: 1000, reason: "" });
  }

  act(key, action, body) {
    return this.post(this.at(key, `/${action}`), body);
  }

  remove(key) {
    return this.ask("DELETE", this.at(key));
  }

  entries(key, query) {
    return this.ask("GET", this.at(key, "/kv"), { query });
  }

  entry(key, name) {
    return this.keyed("GET", key, name);
  }

  put(key, name, value) {
    return this.keyed("PUT", key, name, { value });
  }

  removeEntry(key, name) {
    return this.keyed("DELETE", key, name);
  }

  async keyed(method, key, name, body) {
    // Set by hand: an empty key is a key.
    const path = `${this.at(key, "/kv/value")}?key=${encodeURIComponent(name)}`;
    return (await this.ask(method, path, { body })).result;
  }

  tables(key) {
    return this.get(this.at(key, "/sql/tables"));
  }

  query(key, body) {
    return this.post(this.at(key, "/sql/query"), body);
  }

  setAlarm(key, due) {
    return this.ask("PUT", this.at(key, "/alarm"), { body: { due_ms: due } });
  }

  deleteAlarm(key) {
    return this.ask("DELETE", this.at(key, "/alarm"));
  }

  timeline() {
    return this.ask("GET", "/local/timeline", { query: { limit: 20_000 } });
  }

  console() {
    return this.get("/local/console", { limit: 500 });
  }

  record(enabled) {
    return this.ask("PUT", "/local/recording", { body: { enabled } });
  }

  traceUrl(key) {
    return this.url("/local/trace", key ?? {}).href;
  }

  live(since) {
    return new EventSource(this.url("/local/events", { since }));
  }
}
