// Links to parts of a page become tabs: one part is shown, arrow keys move, the address keeps the choice.
export function switchTabs(root) {
  for (const tabs of root.querySelectorAll("[data-tabs]:not([data-ready])")) prepare(tabs);
}

function prepare(tabs) {
  tabs.dataset.ready = "yes";
  const list = tabs.querySelector(".tab-list");
  const links = [...list.querySelectorAll("a.tab")];
  list.setAttribute("role", "tablist");
  for (const link of links) {
    const panel = panelOf(link);
    link.setAttribute("role", "tab");
    link.id ||= `${panel.id}-tab`;
    link.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", link.id);
    panel.tabIndex = 0;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(history.state, "", link.hash);
      select(links, link);
    });
  }
  list.addEventListener("keydown", (event) => walk(event, links));
  select(links, links.find((link) => link.hash === location.hash) ?? links[0]);
}

function panelOf(link) {
  return document.getElementById(link.hash.slice(1));
}

function select(links, chosen) {
  for (const link of links) {
    const selected = link === chosen;
    link.setAttribute("aria-selected", String(selected));
    link.tabIndex = selected ? 0 : -1;
    panelOf(link).hidden = !selected;
  }
}

function walk(event, links) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
  const step = steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const place = links.indexOf(document.activeElement) + step;
  const next = Number.isFinite(place) ? links.at(place % links.length) : links.at(step < 0 ? 0 : -1);
  next.focus();
  select(links, next);
}
