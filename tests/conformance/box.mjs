// Runs the JavaScript it is sent inside an object: the body of an async function of (ctx, s, sql, self).
import { DurableObject } from "cloudflare:workers";

class Base extends DurableObject {
  async fetch(request) {
    const source = await request.text();
    const body = this.env.EVAL.newAsyncFunction(source, "body", "ctx", "s", "sql", "self");
    try {
      const value = await body(this.ctx, this.ctx.storage, this.ctx.storage.sql, this);
      return new Response(JSON.stringify({ value: value === undefined ? null : value }));
    } catch (e) {
      return new Response(JSON.stringify({ thrown: String(e) }));
    }
  }
}

export class Box extends Base {
  async alarm(info) {
    const fired = (await this.ctx.storage.get("fired")) ?? [];
    fired.push(info.retryCount);
    await this.ctx.storage.put("fired", fired);
    const source = await this.ctx.storage.get("onAlarm");
    if (source) await this.env.EVAL.newAsyncFunction(source, "body", "ctx", "s", "info")(this.ctx, this.ctx.storage, info);
  }
}
export class Plain extends Box {}
export class NoAlarm extends Base {}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const namespace = env[url.searchParams.get("class") ?? "Box"];
    const id = url.searchParams.get("id");
    const stub = id ? namespace.get(namespace.idFromString(id)) : namespace.getByName(url.searchParams.get("name"));
    if (url.pathname === "/id") return new Response(JSON.stringify({ value: stub.id.toString() }));
    try {
      return await stub.fetch(request);
    } catch (e) {
      const reset = e.durableObjectReset === true;
      return new Response(JSON.stringify({ broken: String(e), reset }));
    }
  },
};
