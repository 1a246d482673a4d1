// Keeps "3 minutes ago" true: every <time data-relative> is said anew, in the page's language.
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];
const THRESHOLD = 1.2;

export function keepTimesFresh() {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("time[data-relative]")) say(element, words);
  }, 15_000);
}

function say(element, words) {
  const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length * THRESHOLD) ?? ["second", 1];
  const said = words.format(Math.abs(seconds) < 5 ? 0 : Math.round(seconds / size), unit);
  if (element.textContent !== said) element.textContent = said;
}
