// Live regions: <div data-live="/ws/runs/ID/" data-live-refresh="/runs/ID/progress/">
//
// Every message of the topic is dispatched on the region as a bubbling CustomEvent "live" (its data in `event.detail`).
// With `data-live-refresh` the region's content is fetched anew from that address, at most twice a second, after each
// message, after a reconnection, and every ten seconds while there is no connection. A fetched fragment that holds an
// element with `data-live-end` says that nothing more will happen. Regions of the same topic share one socket.

const FIRST_DELAY = 1000;
const LAST_DELAY = 30000;
const POLL = 10000;
const GAP = 500;
const FORBIDDEN = 4403;

const topics = new Map();

class Topic {
  constructor(path) {
    this.path = path;
    this.regions = new Set();
    this.delay = FIRST_DELAY;
    this.connected = false;
    this.open();
    this.poll = setInterval(() => this.connected || this.refresh(), POLL);
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    this.socket.addEventListener("open", () => this.opened());
    this.socket.addEventListener("message", (event) => this.heard(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.closed(event.code));
  }

  opened() {
    this.connected = true;
    this.delay = FIRST_DELAY;
    this.refresh(); // something may have happened between the page's rendering and now
  }

  heard(data) {
    for (const region of this.present()) {
      region.dispatchEvent(new CustomEvent("live", { bubbles: true, detail: data }));
      refreshSoon(region);
    }
  }

  closed(code) {
    this.connected = false;
    if (this.ended) return;
    if (code === FORBIDDEN) return this.end();
    this.retry = setTimeout(() => this.open(), this.delay * (0.75 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, LAST_DELAY);
  }

  refresh() {
    if (document.hidden && !this.connected) return;
    this.present().forEach(refreshSoon);
  }

  // Regions leave the page when a fragment around them is swapped; a topic without regions is over.
  present() {
    for (const region of this.regions) if (!region.isConnected) this.leave(region);
    return [...this.regions];
  }

  leave(region) {
    this.regions.delete(region);
    if (this.regions.size === 0) this.end();
  }

  end() {
    this.ended = true;
    clearInterval(this.poll);
    clearTimeout(this.retry);
    topics.delete(this.path);
    this.socket.close();
  }
}

const pending = new WeakMap();

function refreshSoon(region) {
  if (!region.dataset.liveRefresh) return;
  const state = pending.get(region) ?? { timer: null, last: 0, running: false, again: false };
  pending.set(region, state);
  if (state.running) {
    state.again = true;
    return;
  }
  if (state.timer !== null) return;
  const wait = Math.max(0, state.last + GAP - Date.now());
  state.timer = setTimeout(async () => {
    state.timer = null;
    state.last = Date.now();
    state.running = true;
    await refreshNow(region);
    const { again } = state;
    state.running = state.again = false;
    if (again) refreshSoon(region);
  }, wait);
}

async function refreshNow(region) {
  if (!region.isConnected) return;
  const swap = region.dataset.liveSwap ?? "innerHTML";
  try {
    await window.htmx.ajax("GET", region.dataset.liveRefresh, { target: region, swap });
  } catch {
    return; // the server is away; the next message, reconnection or poll asks again
  }
  if (region.querySelector("[data-live-end]")) stop(region);
}

function stop(region) {
  topics.get(region.dataset.live)?.leave(region);
}

export function follow(region) {
  const path = region.dataset.live;
  if (!topics.has(path)) topics.set(path, new Topic(path));
  topics.get(path).regions.add(region);
}

function followAll(root) {
  if (root.matches?.("[data-live]")) follow(root);
  root.querySelectorAll?.("[data-live]").forEach(follow);
}

document.addEventListener("htmx:load", (event) => followAll(event.detail.elt));
followAll(document);
