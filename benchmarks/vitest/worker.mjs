// projects/bell.py in JavaScript.
import { DurableObject } from "cloudflare:workers";

export class Bell extends DurableObject {
  async start(everyS, times) {
    await this.ctx.storage.put({ everyS, left: times });
    await this.ctx.storage.setAlarm(Date.now() + everyS * 1000);
  }

  async alarm() {
    const left = (await this.ctx.storage.get("left")) - 1;
    await this.ctx.storage.put("left", left);
    if (left) {
      await this.ctx.storage.setAlarm(Date.now() + (await this.ctx.storage.get("everyS")) * 1000);
    }
  }

  async add() {
    const value = ((await this.ctx.storage.get("value")) ?? 0) + 1;
    await this.ctx.storage.put("value", value);
    return value;
  }
}

export default {
  async fetch() {
    return new Response("bell");
  },
};
