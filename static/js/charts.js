// Draws every <figure data-chart>; the JSON in it says what (static/css/README.md has the format).
import { drawBars, drawHistogram, drawLyingBars } from "./charts/bars.js";
import { drawLines } from "./charts/line.js";
import { writeTable } from "./charts/table.js";

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector(".chart-plot");
    this.caption = figure.querySelector("figcaption")?.firstChild?.textContent.trim() ?? "";
    this.data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    this.waiting = 0;
    figure.addEventListener("chart:update", (event) => this.update(event.detail));
    figure.addEventListener("chart:append", (event) => this.append(event.detail));
    new ResizeObserver(() => this.redraw()).observe(this.plot);
    this.redraw();
  }

  update(change) {
    this.data = { ...this.data, ...change };
    this.redraw();
  }

  append({ series, points }) {
    const found = this.data.series.find((one) => one.name === series);
    if (!found) this.data.series.push({ name: series, points: [] });
    const target = found ?? this.data.series.at(-1);
    const fresh = new Map([...target.points, ...points]);
    target.points = [...fresh].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    this.redraw();
  }

  redraw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.draw());
  }

  draw() {
    if (!this.plot.clientWidth) return;
    const kind = this.figure.dataset.chart;
    const drawn = { label: this.caption, points: kind === "scatter" };
    if (kind === "histogram") drawHistogram(this.plot, this.data, drawn);
    else if (kind === "bar" && this.data.horizontal) drawLyingBars(this.plot, this.data, drawn);
    else if (kind === "bar") drawBars(this.plot, this.data, drawn);
    else drawLines(this.plot, this.data, drawn);
    writeLegend(this.figure, this.data.series ?? []);
    writeTable(this.figure, this.data, this.caption);
  }
}

function writeLegend(figure, series) {
  const shown = series.map((one, place) => ({ ...one, color: one.color ?? (place % 8) + 1 })).filter((one) => !one.reference);
  let legend = figure.querySelector(".legend");
  if (shown.length < 2 || (legend && !legend.dataset.written)) return;
  const names = JSON.stringify(shown.map((one) => one.name));
  if (legend?.dataset.written === names) return;
  legend ??= figure.querySelector("figcaption").appendChild(document.createElement("ul"));
  legend.className = "legend";
  legend.dataset.written = names;
  legend.replaceChildren(...shown.map(legendItem));
}

function legendItem(one) {
  const item = document.createElement("li");
  const swatch = document.createElement("span");
  swatch.className = `swatch swatch-${one.color}`;
  swatch.setAttribute("aria-hidden", "true");
  item.append(swatch, one.name);
  return item;
}

const charts = new WeakMap();

export function drawCharts(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) if (!charts.has(figure)) charts.set(figure, new Chart(figure));
}

drawCharts(document);
document.addEventListener("htmx:load", (event) => drawCharts(event.target));
