// The page: which object is looked at, what is live, what went wrong.
import { Api } from "./api.js";
import { Console } from "./console.js";
import { ago, button, bytes, fill, h, label, span } from "./dom.js";
import { Events } from "./events.js";
import { VirtualList } from "./list.js";
import { Overview } from "./overview.js";
import { Sockets } from "./sockets.js";
import { Sql } from "./sql.js";
import { Storage } from "./storage.js";
import { Timeline } from "./timeline.js";

const TABS = { overview: "Overview", sockets: "Sockets", storage: "Storage", sql: "SQL", timeline: "Timeline", console: "Console" };
const VIEWS = { overview: Overview, sockets: Sockets, storage: Storage, sql: Sql, console: Console };
const REFRESH_MS = 400; // at most so often, however much happens
const find = (id) => document.getElementById(id);
const nameOf = ({ namespace, id }) => `${namespace}/${id}`;

class App {
  constructor() {
    this.api = new Api();
    this.events = new Events(this.api);
    this.objects = new Map(); // namespace/id -> summary
    this.list = new VirtualList(find("list"), {
      name: "Objects",
      key: (object) => `${object.namespace}/${object.id}`,
      render: (row, object) => this.row(row, object),
      choose: (object) => this.go(`${encodeURIComponent(object.namespace)}/${object.id}/${this.tab ?? "overview"}`),
    });
    for (const id of ["search", "class", "state"]) find(id).addEventListener("input", () => this.sift());
    find("everything").addEventListener("click", () => this.go("everything"));
    find("record").addEventListener("change", (event) => {
      const isOn = event.target.checked;
      this.run(isOn ? "The timeline is recorded in the notebook" : "No longer recorded", () => this.api.record(isOn));
    });
    find("skip").addEventListener("click", (event) => {
      event.preventDefault();
      find("detail").focus();
    });
    addEventListener("hashchange", () => this.route());
    setInterval(() => this.list.later(), 1000); // countdowns and ages
  }

  async begin() {
    const [status, workers] = await Promise.all([this.api.status(), this.api.workers()]);
    this.events.setClock(status.now_ms);
    const names = workers.map((worker) => worker.name).join(", ");
    find("worker").textContent = names;
    document.title = `${names}: Durable Objects`;
    await this.load();
    this.route();
    await this.events.connect({
      objects: (changed) => this.change(changed),
      gone: (gone) => this.forget(gone),
      events: (items) => this.happened(items),
      state: (isOn, isRecording) => this.showLive(isOn, isRecording),
      restart: () => this.load().then(() => this.view?.refresh?.()).catch((error) => this.notice(error.message, true)),
    });
    this.view?.refresh?.();
  }

  now() {
    return this.events.now();
  }

  async load() {
    const objects = await this.api.objects();
    this.objects = new Map(objects.map((object) => [nameOf(object), object]));
    const classes = [...new Set(objects.map((object) => object.class))].sort();
    const chosen = find("class").value;
    fill(find("class"), h("option", { value: "" }, "All classes"), classes.map((name) => h("option", { value: name, selected: name === chosen }, name)));
    this.sift();
  }

  change(changed) {
    for (const object of changed) {
      this.objects.set(nameOf(object), object);
      if (![...find("class").options].some((option) => option.value === object.class)) find("class").append(h("option", { value: object.class }, object.class));
    }
    if (changed.length) this.siftSoon();
    if (this.view && changed.some((object) => object.id === this.key?.id)) this.refreshSoon([]);
  }

  forget(gone) {
    for (const key of gone) this.objects.delete(nameOf(key));
    if (gone.length) this.siftSoon();
  }

  happened(items) {
    if (this.view?.onEvents) {
      const mine = items.filter((item) => !this.key || item.id === this.key.id);
      if (mine.length) this.refreshSoon(mine);
    }
  }

  siftSoon() {
    this.sifting ??= setTimeout(() => {
      this.sifting = undefined;
      this.sift();
    }, REFRESH_MS);
  }

  refreshSoon(items) {
    this.waiting = [...(this.waiting ?? []), ...items].slice(-1000);
    this.refreshing ??= setTimeout(async () => {
      const waiting = this.waiting;
      this.waiting = [];
      const { view } = this;
      try {
        await view?.onEvents?.(waiting);
      } catch (error) {
        if (view === this.view && error.status !== 404) this.notice(error.message, true);
      } finally {
        this.refreshing = undefined;
        if (this.waiting.length) this.refreshSoon([]);
      }
    }, REFRESH_MS);
  }

  sift() {
    const text = find("search").value.trim().toLowerCase();
    const [cls, state] = [find("class").value, find("state").value];
    const found = [...this.objects.values()].filter(
      (object) =>
        (!cls || object.class === cls) &&
        (!state || object.state === state) &&
        (!text || object.id.startsWith(text) || (object.name ?? "").toLowerCase().includes(text)),
    );
    const rank = { running: 0, hibernated: 1, stored: 2 };
    found.sort((one, other) => rank[one.state] - rank[other.state] || one.class.localeCompare(other.class) || label(one).localeCompare(label(other)));
    this.list.show(found);
    const count = (name) => [...this.objects.values()].reduce((sum, object) => sum + (object.state === name), 0);
    find("totals").textContent = `${count("running")} running, ${count("hibernated")} hibernated, ${count("stored")} stored`;
  }

  row(row, object) {
    const now = this.now();
    const notes = [
      object.class,
      object.sockets ? `${object.sockets} socket${object.sockets > 1 ? "s" : ""}` : null,
      object.size_bytes ? bytes(object.size_bytes) : null,
      object.next_alarm_ms === null ? null : object.next_alarm_ms > now ? `alarm in ${span(object.next_alarm_ms - now)}` : "alarm due",
      object.last_event ? `${object.last_event.title}, ${ago(object.last_event.time_ms, now)}` : object.last_active_ms ? ago(object.last_active_ms, now) : null,
    ].filter(Boolean);
    const signature = `${object.state}|${label(object)}|${notes.join("|")}`;
    if (row.dataset.signature === signature) return;
    row.dataset.signature = signature;
    row.dataset.state = object.state;
    fill(row, h("div", { class: "title" }, h("b", {}, label(object)), h("span", { class: "note" }, object.generation ? `#${object.generation}` : "")), h("div", { class: "note" }, notes.join(" · ")), h("span", { class: "hidden" }, object.state));
  }

  go(path) {
    location.hash = path ? `#/${path}` : "";
  }

  route() {
    const [first, id, tab] = location.hash.replace(/^#\/?/, "").split("/");
    const isSame = this.key?.id === id && Boolean(id);
    this.view?.destroy();
    this.view = null;
    document.querySelector("main").classList.toggle("chosen", Boolean(first));
    find("everything").toggleAttribute("aria-current", !id);
    this.list.select(id ? `${decodeURIComponent(first)}/${id}` : null);
    if (!id) this.showEverything();
    else {
      this.key = { namespace: decodeURIComponent(first), id };
      this.tab = tab in TABS ? tab : "overview";
      this.showObject(isSame);
    }
  }

  showEverything() {
    this.key = null;
    const timeline = new Timeline(this.events, null, (lane) => this.go(`${encodeURIComponent(lane.namespace)}/${lane.id}/timeline`));
    const console_ = new Console(this, null);
    this.view = {
      refresh: () => console_.refresh(),
      onEvents: () => console_.refresh(),
      destroy: () => timeline.destroy(),
    };
    fill(find("detail"), this.backButton(), h("div", { class: "head" }, h("h2", {}, "Everything")), h("h3", {}, "Timeline"), timeline.element, h("h3", {}, "Console"), console_.element);
    this.view.refresh();
  }

  titleOf(key) {
    const object = this.objects.get(nameOf(key));
    return object ? `${object.class} ${label(object)}` : `${key.namespace} ${label(key)}`;
  }

  backButton() {
    return button("All objects", () => this.go(""), { class: "back" });
  }

  showObject(isSame) {
    const { key, tab } = this;
    const path = `${encodeURIComponent(key.namespace)}/${key.id}`;
    this.view = tab === "timeline" ? new Timeline(this.events, key, () => {}) : new VIEWS[tab](this, key);
    const tabs = h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": "Views of the object" },
      Object.entries(TABS).map(([name, title]) =>
        h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(name === tab), "aria-controls": "panel", tabindex: name === tab ? "0" : "-1", onclick: () => this.go(`${path}/${name}`), onkeydown: (event) => this.pressTab(event, path) }, title),
      ),
    );
    const panel = h("div", { role: "tabpanel", id: "panel", "aria-labelledby": `tab-${tab}` }, this.view.element);
    fill(find("detail"), this.backButton(), h("div", { class: "head" }, h("h2", {}, this.titleOf(key)), h("code", { class: "quiet" }, key.id)), tabs, panel);
    if (isSame) find(`tab-${tab}`).focus({ preventScroll: true });
    const { view } = this;
    view.refresh?.().catch((error) => view === this.view && fill(panel, h("p", { class: "problem" }, error.message)));
  }

  pressTab(event, path) {
    const names = Object.keys(TABS);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.go(`${path}/${names[(names.indexOf(this.tab) + step + names.length) % names.length]}`);
  }

  /** Do something and say how it went; problems are told and not thrown. */
  async run(done, action) {
    try {
      const found = await action();
      this.notice(done);
      return found;
    } catch (error) {
      this.notice(error.message, true);
      return null;
    }
  }

  notice(text, isBad = false) {
    const notice = h("div", { class: isBad ? "notice bad" : "notice" }, text);
    find("notices").append(notice);
    setTimeout(() => notice.remove(), isBad ? 12_000 : 4_000);
  }

  showLive(isOn, isRecording) {
    const live = find("live");
    live.className = `live ${isOn ? "on" : "off"}`;
    live.textContent = isOn ? "live" : "server is away";
    const record = find("record");
    if (isOn && record.checked !== isRecording) record.checked = isRecording;
  }
}

const app = new App();
app.begin().catch((error) => app.notice(error.message, true));
