// The twin of benchmarks/projects/objects.py, for workerd.
import { DurableObject } from "cloudflare:workers";

export class Thing extends DurableObject {
  async fetch() {
    return new Response("hello from the object");
  }
}

export default {
  async fetch(request, env) {
    if (request.url.includes("/object")) return await env.THING.getByName("a").fetch(request);
    return new Response("hello from the worker");
  },
};
