// Bars: one a category, one a bin of a histogram, or lying ones for long names.
import { formatValue } from "./format.js";
import { Readout, readBy } from "./readout.js";
import { widen } from "./scale.js";
import { make, makeFrame } from "./svg.js";

const ROW = 30;

export function drawBars(plot, data, { label }) {
  const highest = Math.max(...data.bars.map((bar) => bar.value), 0);
  const lowest = Math.min(...data.bars.map((bar) => bar.value), 0);
  const yRange = widen([lowest, highest], { min: lowest === 0 ? 0 : undefined, ...data.y });
  const count = data.bars.length || 1;
  const frame = makeFrame(plot, { x: data.x, y: data.y, xRange: [0, count], yRange, xTicks: false, label });
  const { box, toX, toY, svg } = frame;
  const step = (box.right - box.left) / count;
  const gap = step > 12 ? step * 0.25 : 1;
  const shapes = data.bars.map((bar, place) => make("rect", {
    class: `chart-bar series-${bar.color ?? 1}`,
    x: toX(place) + gap / 2,
    width: Math.max(1, step - gap),
    y: Math.min(toY(bar.value), toY(0)),
    height: Math.max(bar.value ? 1 : 0, Math.abs(toY(0) - toY(bar.value))),
    rx: step > 12 ? 2 : 0,
  }));
  const every = Math.ceil((Math.max(...data.bars.map((bar) => bar.label.length), 1) * 7 + 8) / step);
  data.bars.forEach((bar, place) => {
    if (place % every === 0) svg.append(make("text", { x: toX(place + 0.5), y: box.bottom + 18, "text-anchor": "middle" }, bar.label));
  });
  finish(plot, frame, shapes, data, data.bars, (left) => Math.floor(toX.invert(left)), (place) => toX(place + 0.5));
}

export function drawHistogram(plot, data, { label }) {
  const bins = data.bars;
  const xRange = [bins[0]?.low ?? 0, bins.at(-1)?.high ?? 1];
  const yRange = widen([0, Math.max(...bins.map((bin) => bin.count), 1)], { min: 0, ...data.y });
  const frame = makeFrame(plot, { x: data.x, y: data.y, xRange, yRange, label });
  const { toX, toY } = frame;
  const shapes = bins.map((bin) => make("rect", {
    class: "chart-bar series-1",
    x: toX(bin.low) + 0.5,
    width: Math.max(1, toX(bin.high) - toX(bin.low) - 1),
    y: toY(bin.count),
    height: Math.max(bin.count ? 1 : 0, toY(0) - toY(bin.count)),
  }));
  const bars = bins.map((bin) => ({ label: `${formatValue(bin.low, data.x)} – ${formatValue(bin.high, data.x)}`, value: bin.count }));
  const placeAt = (left) => bins.findIndex((bin) => toX(bin.high) >= left);
  finish(plot, frame, shapes, data, bars, placeAt, (place) => (toX(bins[place].low) + toX(bins[place].high)) / 2);
}

export function drawLyingBars(plot, data, { label }) {
  const width = Math.max(plot.clientWidth, 160);
  const height = data.bars.length * ROW;
  const values = data.bars.map((bar) => formatValue(bar.value, data.y));
  const names = Math.min(width * 0.4, Math.max(...data.bars.map((bar) => bar.label.length), 1) * 7.5 + 10);
  const room = width - names - Math.max(...values.map((value) => value.length), 1) * 7.5 - 10;
  const highest = Math.max(...data.bars.map((bar) => bar.value), 0) || 1;
  const svg = make("svg", { class: "chart-svg", viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  data.bars.forEach((bar, place) => {
    const middle = place * ROW + ROW / 2;
    const long = Math.max(1, (Math.max(0, bar.value) / highest) * room);
    svg.append(
      make("text", { x: names - 10, y: middle, dy: "0.32em", "text-anchor": "end" }, shorten(bar.label, names / 7.5), make("title", {}, bar.label)),
      make("rect", { class: `chart-bar series-${bar.color ?? 1}`, x: names, y: middle - 8, width: long, height: 16, rx: 2 }),
      make("text", { x: names + long + 8, y: middle, dy: "0.32em" }, values[place]),
    );
  });
  plot.replaceChildren(svg);
}

function finish(plot, { svg }, shapes, data, bars, placeAt, pixelOf) {
  const readout = new Readout(plot);
  const forget = () => shapes.forEach((shape) => shape.classList.remove("is-read"));
  svg.append(...shapes);
  plot.replaceChildren(svg, readout.box);
  readBy(svg, {
    count: bars.length,
    placeAt,
    leave: () => { forget(); readout.hide(); },
    read: (place) => {
      forget();
      shapes[place]?.classList.add("is-read");
      readout.show(bars[place].label, [{ name: data.y?.label, value: formatValue(bars[place].value, data.y) }], pixelOf(place));
    },
  });
}

function shorten(words, letters) {
  return words.length <= letters ? words : `${words.slice(0, Math.max(1, letters - 1))}…`;
}
