// The box that says what is under the pointer or the arrow keys.
export class Readout {
  constructor(plot) {
    this.plot = plot;
    this.box = document.createElement("div");
    this.box.className = "chart-readout";
    this.box.hidden = true;
    this.box.setAttribute("role", "status");
  }

  show(title, rows, pixel) {
    this.box.replaceChildren(line([text(title, "muted")]), ...rows.map(({ color, name, value }) => line([swatch(color), text(name), text(value, "num")])));
    this.box.hidden = false;
    const room = this.plot.clientWidth - this.box.offsetWidth;
    const beside = pixel + 14 > room ? pixel - this.box.offsetWidth - 14 : pixel + 14;
    this.box.style.translate = `${Math.max(0, Math.min(room, beside))}px 1.5rem`;
  }

  hide() {
    this.box.hidden = true;
  }
}

// Calls `read(place)` as the pointer or the arrow keys move over `count` places; `placeAt(pixel)` finds the nearest one.
export function readBy(svg, { count, placeAt, read, leave }) {
  let place = -1;
  const go = (next) => {
    place = Math.max(0, Math.min(count - 1, next));
    read(place);
  };
  svg.addEventListener("pointermove", (event) => {
    const bounds = svg.getBoundingClientRect();
    go(placeAt(event.clientX - bounds.left, event.clientY - bounds.top));
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") leave();
    if (!(event.key in steps)) return;
    event.preventDefault();
    go(steps[event.key] === -Infinity ? 0 : steps[event.key] === Infinity ? count - 1 : place + steps[event.key]);
  });
}

function line(children) {
  const row = document.createElement("div");
  row.className = "chart-readout-row";
  row.append(...children.filter(Boolean));
  return row;
}

function text(words, className = "") {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = words ?? "";
  return span;
}

function swatch(color) {
  if (!color) return null;
  const mark = text("", `swatch swatch-${color}`);
  mark.setAttribute("aria-hidden", "true");
  return mark;
}
