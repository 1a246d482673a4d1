// Making SVG elements, and the parts that every chart shares: room for labels, grid, axes.
import { formatTick } from "./format.js";
import { makeScale, roundTicks } from "./scale.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const LETTER = 6.6;

export function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function makeFrame(plot, { x, y, xRange, yRange, xTicks = true, label }) {
  const width = Math.max(plot.clientWidth, 160);
  const height = Math.max(plot.clientHeight, 120);
  const yMarks = roundTicks(...yRange, Math.max(3, Math.floor(height / 44)), y);
  const words = yMarks.map((mark) => formatTick(mark, y));
  const left = Math.ceil(Math.max(...words.map((word) => word.length), 2) * LETTER) + 12;
  const box = { left, right: width - 12, top: y?.label ? 26 : 10, bottom: height - (x?.label ? 44 : 26) };
  const frame = {
    box,
    width,
    height,
    toX: makeScale(xRange, [box.left, box.right]),
    toY: makeScale(yRange, [box.bottom, box.top]),
    svg: make("svg", { class: "chart-svg", viewBox: `0 0 ${width} ${height}`, height, role: "img", tabindex: 0, "aria-label": label }),
  };
  yMarks.forEach((mark, place) => drawYMark(frame, mark, words[place]));
  if (xTicks) drawXMarks(frame, x, xRange);
  drawLabels(frame, x, y);
  return frame;
}

function drawYMark({ svg, box, toY }, mark, word) {
  const line = Math.round(toY(mark)) + 0.5;
  svg.append(
    make("line", { class: "chart-grid", x1: box.left, x2: box.right, y1: line, y2: line }),
    make("text", { x: box.left - 8, y: line, dy: "0.32em", "text-anchor": "end" }, word),
  );
}

function drawXMarks({ svg, box, toX }, x, xRange) {
  const room = (box.right - box.left) / (x?.format === "time" ? 80 : 64);
  for (const mark of roundTicks(...xRange, Math.max(2, room), x)) {
    svg.append(make("text", { x: toX(mark), y: box.bottom + 18, "text-anchor": "middle" }, formatTick(mark, x, xRange[1] - xRange[0])));
  }
}

function drawLabels({ svg, box, height }, x, y) {
  svg.append(make("line", { class: "chart-axis", x1: box.left, x2: box.right, y1: box.bottom + 0.5, y2: box.bottom + 0.5 }));
  if (y?.label) svg.append(make("text", { x: 0, y: 12 }, titleOf(y)));
  if (x?.label) svg.append(make("text", { x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" }, titleOf(x)));
}

function titleOf(axis) {
  return axis.unit ? `${axis.label} (${axis.unit})` : axis.label;
}
