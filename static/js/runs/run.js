// The page of a run: whenever the state was fetched anew and says that there are new epochs or log lines, fetch those.
// Curves that are drawn get new figures in place; the fragment is fetched as a whole only when a new metric appears.

const AT_END = 24; // pixels from the end of the log that still count as reading its end

const page = document.querySelector("[data-run]");
const seen = countsIn(page);

function countsIn(root) {
  const { runEpochs, runLines } = root.querySelector("[data-run-epochs]").dataset;
  return { epochs: runEpochs, lines: runLines };
}

async function refreshCurves() {
  const answer = await fetch(`${page.dataset.curvesUrl}?as=json`, { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  const { curves } = await answer.json();
  const figures = new Map([...page.querySelectorAll("[data-curve]")].map((figure) => [figure.dataset.curve, figure]));
  if (Object.keys(curves).some((name) => !figures.has(name))) {
    await window.htmx.ajax("GET", page.dataset.curvesUrl, { target: "#run-curves", swap: "innerHTML" });
    return;
  }
  for (const [name, series] of Object.entries(curves)) {
    figures.get(name).dispatchEvent(new CustomEvent("chart:update", { detail: { series } }));
  }
}

async function refreshLog() {
  const before = page.querySelector(".log");
  const atEnd = !before || before.scrollHeight - before.scrollTop - before.clientHeight < AT_END;
  const top = before?.scrollTop ?? 0;
  await window.htmx.ajax("GET", page.dataset.logUrl, { target: "#run-log", swap: "innerHTML" });
  const after = page.querySelector(".log");
  if (after) after.scrollTop = atEnd ? after.scrollHeight : top;
}

async function catchUp() {
  const now = countsIn(page);
  const { epochs, lines } = seen;
  Object.assign(seen, now);
  if (now.epochs !== epochs) await refreshCurves();
  if (now.lines !== lines) await refreshLog();
}

document.getElementById("run-state").addEventListener("htmx:afterSwap", () => {
  catchUp().catch(() => {
    seen.epochs = seen.lines = undefined; // the server is away; the next refresh catches up
  });
});
