// The same figures as a table, for people who do not see the drawing.
import { formatValue } from "./format.js";

const LONGEST = 200;

export function writeTable(figure, data, caption) {
  let table = figure.querySelector("table[data-written]");
  if (!table && figure.querySelector(".chart-table")) return;
  if (!table) {
    table = document.createElement("table");
    table.dataset.written = "yes";
    const hidden = document.createElement("div");
    hidden.className = "visually-hidden";
    hidden.append(table);
    figure.append(hidden);
  }
  const [head, rows] = data.bars ? barRows(data) : seriesRows(data);
  table.replaceChildren(captionOf(caption), sectionOf("thead", [head], "th"), sectionOf("tbody", rows.slice(-LONGEST), "td"));
}

function barRows({ bars, x, y }) {
  const nameOf = (bar) => bar.label ?? `${formatValue(bar.low, x)} – ${formatValue(bar.high, x)}`;
  return [[x?.label ?? "", y?.label ?? ""], bars.map((bar) => [nameOf(bar), formatValue(bar.value ?? bar.count, y)])];
}

function seriesRows({ series, x, y }) {
  const xs = [...new Set(series.flatMap((one) => one.points.map(([value]) => value)))].slice(-LONGEST);
  const maps = series.map((one) => new Map(one.points));
  const shownX = (value) => formatValue(typeof value === "string" ? Date.parse(value) : value, x);
  return [[x?.label ?? "", ...series.map((one) => one.name)], xs.map((value) => [shownX(value), ...maps.map((map) => formatValue(map.get(value), y))])];
}

function captionOf(words) {
  const caption = document.createElement("caption");
  caption.textContent = words;
  return caption;
}

function sectionOf(name, rows, cell) {
  const section = document.createElement(name);
  for (const row of rows) {
    const line = section.insertRow();
    for (const words of row) line.append(Object.assign(document.createElement(cell), { textContent: words }));
  }
  return section;
}
