// The twin of benchmarks/projects/storage.py, for workerd.
import { DurableObject } from "cloudflare:workers";

const CREATE = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)";

export class Store extends DurableObject {
  hasTable = false;

  async count() {
    const storage = this.ctx.storage;
    const number = ((await storage.get("number")) ?? 0) + 1;
    await storage.put("number", number);
    return number;
  }

  async note(text) {
    const sql = this.ctx.storage.sql;
    if (!this.hasTable) {
      sql.exec(CREATE);
      this.hasTable = true;
    }
    sql.exec("INSERT INTO notes (text) VALUES (?)", text);
    return sql.exec("SELECT id, text FROM notes ORDER BY id DESC LIMIT 1").one();
  }
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const stub = env.STORE.getByName(url.searchParams.get("id"));
    if (url.pathname === "/note") {
      const row = await stub.note("a note of some forty characters, no more.");
      return new Response(String(row.id));
    }
    return new Response(String(await stub.count()));
  },
};
