// Forms with data-upload: the chosen or dropped file goes up at once and resumably, then the form is sent with its id.
import { Memory, Upload, UploadRefused } from "./tus.js";

const language = document.documentElement.lang || "en";
const RATE_SECONDS = 5;

class UploadForm {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("input[type=file]");
    if (!this.input) return;
    this.zone = form.querySelector("[data-drop-zone]");
    this.name = form.querySelector("input[name=name]");
    this.panel = form.querySelector("[data-upload-progress]");
    this.words = form.dataset;
    form.querySelector("[data-upload-plain]").hidden = true;
    this.listen();
    this.showInterrupted();
  }

  part(name) {
    return this.form.querySelector(`[data-upload-${name}]`);
  }

  listen() {
    this.input.addEventListener("change", () => this.input.files[0] && this.start(this.input.files[0]));
    this.form.addEventListener("submit", (event) => this.upload && !this.finished && event.preventDefault());
    this.name?.addEventListener("input", () => (this.naming = true));
    this.name?.addEventListener("change", () => (this.naming = false));
    this.part("pause").addEventListener("click", () => this.pause());
    this.part("resume").addEventListener("click", () => this.resume());
    this.part("cancel").addEventListener("click", () => this.cancel());
    for (const kind of ["dragenter", "dragover"]) this.zone.addEventListener(kind, (event) => this.hover(event, true));
    for (const kind of ["dragleave", "drop"]) this.zone.addEventListener(kind, (event) => this.hover(event, false));
    this.zone.addEventListener("drop", (event) => {
      const [file] = event.dataTransfer.files;
      if (file && !this.upload) this.start(file);
    });
    addEventListener("beforeunload", (event) => {
      if (this.upload && !this.finished) event.preventDefault();
    });
  }

  hover(event, over) {
    event.preventDefault();
    this.zone.classList.toggle("is-over", over);
  }

  showInterrupted() {
    const names = Memory.interrupted(this.words.workspace);
    this.part("unfinished").hidden = names.length === 0;
    this.part("former").textContent = names.join(", ");
  }

  async start(file) {
    const problem = this.problemOf(file);
    this.show(file);
    if (problem) return this.fail(problem);
    this.marks = [];
    this.naming = false;
    const token = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
    const report = (progress) => this.showProgress(progress);
    this.upload = new Upload(file, { address: this.words.uploads, token, scope: this.words.workspace, report });
    try {
      const id = await this.upload.send();
      if (id) this.finish(id);
    } catch (fault) {
      if (!(fault instanceof UploadRefused)) throw fault;
      this.upload = null;
      this.fail(`${this.words.wordFailed} ${fault.message}`);
    }
  }

  problemOf(file) {
    const largest = Number(this.words.largest);
    if (file.size === 0) return this.words.wordEmpty;
    if (file.size <= largest) return "";
    return fill(this.words.wordLarge, { size: bytes(file.size), largest: bytes(largest) });
  }

  show(file) {
    this.file = file;
    this.panel.hidden = false;
    this.zone.closest(".field").hidden = true;
    this.part("unfinished").hidden = true;
    this.part("name").textContent = file.name;
    this.part("status").textContent = "";
    this.part("pause").hidden = false;
    this.part("resume").hidden = true;
    this.showFigures(0);
  }

  showProgress({ state, offset }) {
    const said = { paused: this.words.wordPaused, waiting: this.words.wordWaiting }[state] ?? "";
    const resumed = state === "sending" && this.former !== "sending" && offset > 0;
    if (state !== this.former || said) this.say(resumed ? this.words.wordResumed : said);
    this.former = state;
    this.showFigures(offset);
  }

  showFigures(offset) {
    const share = offset / Math.max(1, this.file.size);
    const done = fill(this.words.wordOf, { done: bytes(offset), all: bytes(this.file.size) });
    const rate = this.rate(offset);
    this.part("bar").value = share;
    this.part("percent").textContent = new Intl.NumberFormat(language, { style: "percent" }).format(share);
    this.part("bytes").textContent = rate ? `${done} · ${fill(this.words.wordRate, { rate: bytes(rate) })}` : done;
    this.part("left").textContent = rate ? fill(this.words.wordLeft, { time: time((this.file.size - offset) / rate) }) : "";
  }

  // Bytes a second over the last few seconds, once there is something to measure.
  rate(offset) {
    const now = performance.now() / 1000;
    this.marks = [...(this.marks ?? []), [now, offset]].filter(([at]) => now - at < RATE_SECONDS);
    const [start, from] = this.marks[0];
    return now - start > 0.5 && offset > from && offset < this.file.size ? (offset - from) / (now - start) : 0;
  }

  say(words) {
    if (this.part("status").textContent !== words) this.part("status").textContent = words;
  }

  pause() {
    this.upload?.pause();
    this.switchTo("resume");
  }

  resume() {
    this.upload?.resume();
    this.switchTo("pause");
  }

  switchTo(name) {
    for (const other of ["pause", "resume"]) this.part(other).hidden = other !== name;
    this.part(name).focus();
  }

  async cancel() {
    const { upload } = this;
    this.upload = null;
    await upload?.cancel();
    this.reset();
  }

  reset() {
    this.panel.hidden = true;
    this.zone.closest(".field").hidden = false;
    this.input.value = "";
    this.former = null;
    this.input.focus();
  }

  fail(words) {
    this.say(words);
    this.part("pause").hidden = this.part("resume").hidden = true;
  }

  // A name that is being written is not sent half finished.
  finish(id) {
    this.finished = true;
    this.form.querySelector("[name=upload]").value = id;
    this.input.disabled = true;
    this.part("pause").hidden = this.part("cancel").hidden = true;
    if (this.naming) {
      this.say(this.words.wordNaming);
      this.name.addEventListener("change", () => this.submit(), { once: true });
    } else {
      this.submit();
    }
  }

  // A form that is sent without a network would end in the browser's own error page.
  submit() {
    if (!navigator.onLine) {
      this.say(this.words.wordWaiting);
      addEventListener("online", () => this.submit(), { once: true });
      return;
    }
    this.say(this.words.wordChecking);
    this.form.requestSubmit();
  }
}

function fill(words, values) {
  return words.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
}

function bytes(count) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  const digits = step === 0 ? 0 : 1;
  const form = { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, form).format(count / 1024 ** step);
}

function time(seconds) {
  const [unit, size] = seconds >= 5400 ? ["hour", 3600] : seconds >= 90 ? ["minute", 60] : ["second", 1];
  const form = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "hour" ? 1 : 0 };
  return new Intl.NumberFormat(language, form).format(Math.max(1, seconds / size));
}

document.querySelectorAll("form[data-upload]").forEach((form) => new UploadForm(form));
