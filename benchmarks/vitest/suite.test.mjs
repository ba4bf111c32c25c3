// The suite of workloads/testing.py, as one writes it in JavaScript; no clock can be moved here.
import { env, evictDurableObject, reset, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, expect, it } from "vitest";

afterEach(reset);

for (let n = 0; n < 200; n++) {
  it(`counts ${n}`, async () => {
    const bell = env.BELL.get(env.BELL.idFromName("a"));
    expect(await bell.add()).toBe(1);
    await evictDurableObject(bell);
    expect(await bell.add()).toBe(2);
    await bell.start(60, 1);
    expect(await runDurableObjectAlarm(bell)).toBe(true);
  });
}
