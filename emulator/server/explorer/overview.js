// One object: what it is, why it is awake, its alarm, and what can be done with it.
import { ago, button, bytes, clock, facts, fill, h, span, table } from "./dom.js";

const STATES = { running: "running", hibernated: "hibernated: its sockets live on", stored: "stored: nothing of it is in memory" };

export class Overview {
  constructor(app, key) {
    this.app = app;
    this.key = key;
    this.facts = h("div");
    this.awake = h("div");
    this.residency = h("div");
    this.alarm = h("div");
    this.element = h(
      "div",
      {},
      h(
        "div",
        { class: "actions" },
        this.act("Hibernate", "evict", { web_sockets: "hibernate" }, "The instance goes, sockets stay. Refused while something keeps it awake."),
        this.act("Evict and close sockets", "evict", { web_sockets: "close" }, "The instance and its sockets go."),
        this.act("Abort", "abort", {}, "Resets the object: uncommitted writes and sockets are lost."),
        button("Delete…", () => this.remove(), { class: "danger", title: "Deletes the object with all it has stored." }),
      ),
      this.facts,
      h("h3", {}, "Why it is awake"),
      this.awake,
      h("h3", {}, "Alarm"),
      this.alarm,
      h("h3", {}, "Residency"),
      this.residency,
    );
    this.timer = setInterval(() => this.tick(), 1000);
  }

  destroy() {
    clearInterval(this.timer);
  }

  act(name, action, body, title) {
    return button(name, () => this.app.run(`${name}: done`, () => this.app.api.act(this.key, action, body)).then(() => this.refresh()), { title });
  }

  async remove() {
    const name = this.app.titleOf(this.key);
    if (!confirm(`Delete ${name} and all it has stored? This cannot be undone.`)) return;
    await this.app.run(`${name} is deleted`, () => this.app.api.remove(this.key));
    this.app.go("");
  }

  async refresh() {
    this.object = await this.app.api.object(this.key);
    const now = this.app.now();
    const object = this.object;
    fill(
      this.facts,
      facts([
        ["State", h("span", { class: `state ${object.state}` }, STATES[object.state])],
        ["Class", object.class],
        ["Name", object.name ?? h("span", { class: "quiet" }, "has none, or nobody has used it yet")],
        ["Id", h("code", {}, object.id)],
        ["Stored", object.size_bytes ? bytes(object.size_bytes) : "nothing yet"],
        ["Sockets", String(object.sockets)],
        ["Events in flight", String(object.in_flight)],
        object.auto_response ? ["Auto-response", `${object.auto_response.request} → ${object.auto_response.response}`] : null,
        ["Generation", object.generation ? `${object.generation}. instance` : "none in this run"],
        ["Last event", object.last_event ? `${object.last_event.title}, ${ago(object.last_event.time_ms, now)}` : ago(object.last_active_ms, now)],
        object.file ? ["File", h("code", {}, object.file)] : null,
      ]),
    );
    this.showAwake(object);
    this.showResidency(object);
    this.showAlarm(object);
  }

  showAwake(object) {
    if (object.state !== "running") fill(this.awake, h("p", { class: "quiet" }, "It is not in memory: nothing to pay for."));
    else
      fill(
        this.awake,
        table(
          "Why it is awake",
          ["Reason", "Since", "Where"],
          object.blockers.map((blocker) => [`${blocker.kind}: ${blocker.detail}`, span(blocker.age_s * 1000), h("code", {}, blocker.source ?? "")]),
          "Nothing keeps it awake; it sleeps ten seconds after its last event.",
        ),
      );
  }

  showResidency({ residency }) {
    if (!residency) {
      fill(this.residency, h("p", { class: "quiet" }, "Not in memory during this run."));
      return;
    }
    const causes = Object.entries(residency.by_cause).sort((one, other) => other[1] - one[1]);
    const most = Math.max(1e-9, ...causes.map(([, seconds]) => seconds));
    fill(
      this.residency,
      facts([
        ["Awake", span(residency.awake_s * 1000)],
        ["Would be billed", span(residency.billed_s * 1000)],
      ]),
      causes.length
        ? table(
            "Seconds awake by cause",
            ["Cause", "Time", ""],
            causes.map(([cause, seconds]) => {
              const bar = h("div", { class: "bar" });
              bar.style.width = `${(seconds / most) * 160}px`;
              return [cause, span(seconds * 1000), bar];
            }),
          )
        : null,
    );
  }

  showAlarm(object) {
    this.due = h("span", {});
    const at = h("input", { type: "datetime-local", step: "1", id: "alarm-at" });
    const set = () => at.value && this.app.run("The alarm is set", () => this.app.api.setAlarm(this.key, new Date(at.value).getTime())).then(() => this.refresh());
    fill(
      this.alarm,
      h("p", {}, this.due),
      h(
        "div",
        { class: "actions" },
        object.next_alarm_ms === null ? null : this.act("Run now", "alarm/run", {}, "Delivers the alarm at once, with retries as ever."),
        object.next_alarm_ms === null ? null : button("Delete the alarm", () => this.app.run("The alarm is deleted", () => this.app.api.deleteAlarm(this.key)).then(() => this.refresh())),
        h("label", { for: "alarm-at" }, "Set to"),
        at,
        button("Set", set),
      ),
    );
    this.tick();
  }

  tick() {
    if (!this.due || !this.object) return;
    const due = this.object.next_alarm_ms;
    if (due === null) this.due.textContent = "No alarm is set.";
    else {
      const left = due - this.app.now();
      this.due.textContent = left > 0 ? `Due in ${span(left)}, at ${clock(due)}` : `Due since ${span(left)}`;
    }
  }

  onEvents() {
    return this.refresh();
  }
}
