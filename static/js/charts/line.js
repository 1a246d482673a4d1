// Lines and points: curves of training, ROC, traffic over time, predicted against true.
import { formatValue } from "./format.js";
import { Readout, readBy } from "./readout.js";
import { widen } from "./scale.js";
import { make, makeFrame } from "./svg.js";

export function drawLines(plot, data, { label, points }) {
  const series = data.series.map((one, place) => ({ ...one, color: one.color ?? (place % 8) + 1, points: numbers(one.points, data.x) }));
  const all = series.flatMap((one) => one.points);
  const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const xRange = spanOf(xs, data.x);
  const yRange = widen(extent(all.map(([, y]) => y)), data.y);
  const frame = makeFrame(plot, { x: data.x, y: data.y, xRange, yRange, label });
  for (const one of series) drawSeries(frame, one, points && !one.reference);
  const readout = new Readout(plot);
  const marks = make("g", { "pointer-events": "none" });
  frame.svg.append(marks);
  plot.replaceChildren(frame.svg, readout.box);
  if (points) readPoints(frame, series, data, readout, marks);
  else readColumns(frame, series, xs, data, readout, marks);
}

function numbers(points, axis) {
  const toNumber = axis?.format === "time" ? (value) => (typeof value === "string" ? Date.parse(value) : value) : Number;
  return points.filter(([, y]) => y !== null && Number.isFinite(y)).map(([x, y]) => [toNumber(x), y]);
}

function extent(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

function spanOf(xs, axis = {}) {
  const low = axis.min ?? xs[0] ?? 0;
  const high = axis.max ?? xs.at(-1) ?? 1;
  return low === high ? [low, low + 1] : [low, high];
}

function drawSeries({ svg, toX, toY, box }, one, asPoints) {
  if (asPoints) {
    for (const [x, y] of one.points) svg.append(make("circle", { class: `chart-point series-${one.color}`, cx: toX(x), cy: toY(y), r: 3 }));
    return;
  }
  const kind = one.reference ? "chart-reference" : one.dash ? "chart-dash" : "";
  const path = thin(one.points, box.right - box.left).map(([x, y], place) => `${place ? "L" : "M"}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`);
  svg.append(make("path", { class: `chart-line ${kind} series-${one.color}`, d: path.join("") }));
  if (one.points.length === 1) svg.append(make("circle", { class: `chart-dot series-${one.color}`, cx: toX(one.points[0][0]), cy: toY(one.points[0][1]), r: 4 }));
}

// Many points a pixel: the lowest and the highest of each stretch say the same.
function thin(points, width) {
  const size = Math.ceil(points.length / width);
  if (size < 3) return points;
  const kept = [];
  for (let start = 0; start < points.length; start += size) {
    const stretch = points.slice(start, start + size);
    const lowest = stretch.reduce((a, b) => (b[1] < a[1] ? b : a));
    const highest = stretch.reduce((a, b) => (b[1] > a[1] ? b : a));
    kept.push(...(lowest === highest ? [lowest] : [lowest, highest].sort((a, b) => a[0] - b[0])));
  }
  return kept;
}

function readColumns({ svg, box, toX, toY }, series, xs, data, readout, marks) {
  const shown = series.filter((one) => !one.reference);
  const byX = shown.map((one) => new Map(one.points));
  readBy(svg, {
    count: xs.length,
    placeAt: (pixel) => nearest(xs, toX.invert(pixel)),
    leave: () => { marks.replaceChildren(); readout.hide(); },
    read: (place) => {
      const x = xs[place];
      if (x === undefined) return;
      const rows = shown.map((one, index) => ({ ...one, y: byX[index].get(x) })).filter((one) => one.y !== undefined);
      marks.replaceChildren(
        make("line", { class: "chart-cursor", x1: toX(x), x2: toX(x), y1: box.top, y2: box.bottom }),
        ...rows.map((one) => make("circle", { class: `chart-dot series-${one.color}`, cx: toX(x), cy: toY(one.y), r: 4.5 })),
      );
      readout.show(`${data.x?.label ?? ""} ${formatValue(x, data.x)}`.trim(), rows.map((one) => ({ color: one.color, name: one.name, value: formatValue(one.y, data.y) })), toX(x));
    },
  });
}

function readPoints({ svg, toX, toY }, series, data, readout, marks) {
  const all = series.filter((one) => !one.reference).flatMap((one) => one.points.map(([x, y]) => ({ ...one, x, y }))).sort((a, b) => a.x - b.x);
  readBy(svg, {
    count: all.length,
    placeAt: (left, top) => closest(all, (point) => Math.hypot(toX(point.x) - left, toY(point.y) - top)),
    leave: () => { marks.replaceChildren(); readout.hide(); },
    read: (place) => {
      const point = all[place];
      if (!point) return;
      marks.replaceChildren(make("circle", { class: `chart-dot series-${point.color}`, cx: toX(point.x), cy: toY(point.y), r: 5 }));
      const rows = [{ name: data.x?.label, value: formatValue(point.x, data.x) }, { name: data.y?.label, value: formatValue(point.y, data.y) }];
      readout.show(point.name, rows, toX(point.x));
    },
  });
}

function nearest(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle;
    else high = middle;
  }
  return Math.abs(sorted[low] - value) <= Math.abs(sorted[high] - value) ? low : high;
}

function closest(items, distance) {
  return items.reduce((best, item, place) => (distance(item) < distance(items[best]) ? place : best), 0);
}
