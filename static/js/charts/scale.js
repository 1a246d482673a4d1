// From values to pixels, and round numbers to write beside an axis.
const MINUTE = 60_000;
const DURATION_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
const TIME_STEPS = [1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 10_080, 43_200].map((minutes) => minutes * MINUTE);

export function makeScale([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  scale.invert = (pixel) => low + ((pixel - from) / (to - from || 1)) * span;
  return scale;
}

export function roundTicks(low, high, count, axis = {}) {
  const step = stepOf((high - low) / count, axis);
  const first = Math.ceil(low / step - 1e-9) * step;
  const ticks = [];
  for (let tick = first; tick <= high + step * 1e-9; tick += step) ticks.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

export function widen([low, high], axis = {}) {
  let [from, to] = [axis.min ?? low, axis.max ?? high];
  if (!Number.isFinite(from) || !Number.isFinite(to)) return [0, 1];
  if (from === to) [from, to] = around(from, axis);
  const room = (to - from) * 0.05;
  if (axis.min === undefined) from = from >= 0 && from - room < 0 ? 0 : from - room;
  if (axis.max === undefined) to += room;
  return [from, to];
}

// One value alone: room on both sides, but none below a fixed end, nor below nothing.
function around(value, axis) {
  const room = Math.abs(value) * 0.1 || 1;
  if (axis.max === value) return [value - room, value];
  return axis.min === value || value === 0 ? [value, value + room] : [value - room, value + room];
}

function stepOf(rough, axis) {
  if (axis.format === "time") return TIME_STEPS.find((step) => step >= rough) ?? TIME_STEPS.at(-1);
  if (axis.format === "duration" && rough > 1) return DURATION_STEPS.find((step) => step >= rough) ?? roundStep(rough / 86_400) * 86_400;
  return roundStep(rough, axis.whole);
}

function roundStep(rough, whole) {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) * power;
  return whole ? Math.max(1, Math.round(step)) : step;
}
