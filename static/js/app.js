// What every page gets: small touches on top of HTML that works without them.
import { closeMenus } from "./components/menus.js";
import { askBeforeSending } from "./components/confirm.js";
import { copyOnClick } from "./components/copy.js";
import { openDialogs } from "./components/dialogs.js";
import { keepTimesFresh } from "./components/relative-time.js";
import { switchTabs } from "./components/tabs.js";
import { switchTheme } from "./components/theme-switch.js";
import { showToasts } from "./components/toasts.js";
import { revealScripted } from "./components/reveal.js";

askBeforeSending();
closeMenus();
copyOnClick();
openDialogs();
showToasts();
switchTheme();
keepTimesFresh();

function enhance(root) {
  revealScripted(root);
  switchTabs(root);
}

enhance(document);
document.addEventListener("htmx:load", (event) => enhance(event.target));
