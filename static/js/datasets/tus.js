// A small client of the resumable upload protocol tus 1.0: one file in pieces, going on after every kind of interruption.

const PIECE = 8 * 1024 * 1024;
const FIRST_DELAY = 1000;
const LAST_DELAY = 30000;
const VERSION = "1.0.0";
const KEPT = 24 * 3600 * 1000;
const PREFIX = "modelyard.upload.";

export class UploadRefused extends Error {}

export class Upload {
  // `report` gets {state, offset} whenever something changes; states: sending, waiting, paused, done.
  constructor(file, { address, token, scope, report }) {
    Object.assign(this, { file, address, token, report });
    this.memory = new Memory(file, scope);
    this.offset = 0;
    this.paused = false;
    this.cancelled = false;
  }

  // Resolves with the id of the finished upload. Rejects with UploadRefused where trying again would not help.
  async send() {
    let delay = FIRST_DELAY;
    while (!this.cancelled) {
      try {
        if (this.paused) await this.untilResumed();
        await this.locate();
        delay = FIRST_DELAY;
        while (this.offset < this.file.size && !this.paused && !this.cancelled) await this.sendPiece();
        if (this.offset >= this.file.size) return this.finish();
      } catch (fault) {
        if (fault instanceof UploadRefused) throw fault;
        if (this.paused || this.cancelled) continue;
        this.tell("waiting");
        await this.wait(delay);
        delay = Math.min(delay * 2, LAST_DELAY);
      }
    }
    return null;
  }

  pause() {
    this.paused = true;
    this.request?.abort();
    this.tell("paused");
  }

  resume() {
    this.paused = false;
    this.wake?.();
  }

  async cancel() {
    this.cancelled = true;
    this.request?.abort();
    this.wake?.();
    if (this.url) await this.ask("DELETE", this.url, {}).catch(() => null);
    this.memory.forget();
  }

  // What has arrived is remembered until a data set was made of it: the server then no longer knows the address.
  finish() {
    this.memory.keep(this.url, { finished: true });
    this.tell("done");
    return this.url.split("/").pop();
  }

  // Finds out where the upload stands, or makes a new one.
  async locate() {
    this.url ??= this.memory.recall();
    if (this.url) {
      const answer = await this.ask("HEAD", this.url, {});
      if (answer.status === 200) return this.reach(Number(answer.header("Upload-Offset")));
      if (answer.status !== 404) throw new Error(`HEAD answered ${answer.status}`);
      this.url = null;
      this.memory.forget();
    }
    const headers = { "Upload-Length": this.file.size, "Upload-Metadata": `filename ${encode(this.file.name)}` };
    const answer = await this.ask("POST", this.address, headers);
    if (answer.status !== 201) throw answer.fault();
    this.url = new URL(answer.header("Location"), location.href).pathname;
    this.memory.keep(this.url);
    this.reach(0);
  }

  async sendPiece() {
    const piece = this.file.slice(this.offset, this.offset + PIECE);
    const headers = { "Upload-Offset": this.offset, "Content-Type": "application/offset+octet-stream" };
    const answer = await this.ask("PATCH", this.url, headers, piece);
    if (answer.status !== 204) throw answer.fault();
    this.reach(Number(answer.header("Upload-Offset")));
  }

  reach(offset) {
    this.offset = offset;
    this.tell("sending");
  }

  tell(state, offset = this.offset) {
    this.report({ state, offset });
  }

  // fetch() cannot tell how much of a body has left; XMLHttpRequest can.
  ask(method, url, headers, body = null) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const start = this.offset;
      request.open(method, url);
      for (const [name, value] of Object.entries({ ...headers, "Tus-Resumable": VERSION, "X-CSRFToken": this.token })) {
        request.setRequestHeader(name, value);
      }
      if (body) request.upload.addEventListener("progress", (event) => this.tell("sending", start + event.loaded));
      request.addEventListener("load", () => resolve(new Answer(request)));
      for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, () => reject(new Error(end)));
      this.request = request;
      request.send(body);
    });
  }

  untilResumed() {
    return new Promise((resolve) => (this.wake = resolve));
  }

  // Waits, but not longer than until the network is back.
  wait(delay) {
    return new Promise((resolve) => {
      const timer = setTimeout(done, delay);
      const again = this;
      function done() {
        clearTimeout(timer);
        removeEventListener("online", done);
        again.wake = null;
        resolve();
      }
      this.wake = done;
      addEventListener("online", done);
    });
  }
}

class Answer {
  constructor(request) {
    this.request = request;
    this.status = request.status;
  }

  header(name) {
    return this.request.getResponseHeader(name);
  }

  // What is worth another try: somebody else writing, silence, a server that is away. Everything else is final.
  fault() {
    if ([408, 409, 423, 460, 502, 503, 504].includes(this.status) || this.status === 500) return new Error(`${this.status}`);
    return new UploadRefused(this.words());
  }

  words() {
    try {
      return JSON.parse(this.request.responseText).error.message;
    } catch {
      return `${this.status} ${this.request.statusText}`;
    }
  }
}

// Which upload belongs to which file, across reloads: a file is known by its name, size and time of change.
export class Memory {
  constructor(file, scope) {
    this.key = PREFIX + [scope, file.name, file.size, file.lastModified].join("|");
    this.name = file.name;
  }

  recall() {
    const kept = read(this.key);
    return kept && Date.now() - kept.at < KEPT ? kept.url : null;
  }

  keep(url, { finished = false } = {}) {
    write(this.key, { url, name: this.name, at: Date.now(), finished });
  }

  forget() {
    write(this.key, null);
  }

  // Names of files whose upload was interrupted.
  static interrupted(scope) {
    const keys = storage() ? Object.keys(storage()) : [];
    const mine = keys.filter((key) => key.startsWith(`${PREFIX}${scope}|`));
    const fresh = mine.map((key) => [key, read(key)]).filter(([key, kept]) => {
      const young = kept && Date.now() - kept.at < KEPT;
      if (!young) write(key, null);
      return young && !kept.finished;
    });
    return fresh.map(([, kept]) => kept.name);
  }
}

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden by the browser: uploads then survive a broken connection, but no reload
  }
}

function read(key) {
  try {
    return JSON.parse(storage()?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) storage()?.removeItem(key);
    else storage()?.setItem(key, JSON.stringify(value));
  } catch {
    // full: as if forbidden
  }
}

function encode(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
