// Values as text, in the page's language. No words: durations are written 1:05:00, times by Intl.
const language = document.documentElement.lang || "en";
const plain = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];

export function formatValue(value, axis = {}) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = (FORMATS[axis.format] ?? formatNumber)(value);
  return axis.unit ? `${text} ${axis.unit}` : text;
}

export function formatTick(value, axis = {}, span = 0) {
  if (axis.format === "time") return span > 172_800_000 ? day.format(value) : clock.format(value);
  if (!axis.format || axis.format === "number") return Math.abs(value) >= 10_000 ? compact.format(value) : formatNumber(value);
  return FORMATS[axis.format](value);
}

const FORMATS = {
  number: formatNumber,
  percent: (value) => percent.format(value),
  bytes: formatBytes,
  duration: formatDuration,
  time: (value) => moment.format(value),
};

function formatNumber(value) {
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(1) : plain.format(value);
}

function formatBytes(value) {
  const step = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1) / 10)));
  return `${plain.format(value / 1024 ** step)} ${SIZES[step]}`;
}

function formatDuration(seconds) {
  const whole = Math.round(seconds);
  if (seconds < 10 && seconds !== whole) return `${plain.format(seconds)} s`;
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : String(part))).join(":");
}
