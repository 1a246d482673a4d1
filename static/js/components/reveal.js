// Shows what is of use only with scripts: copy buttons, dismiss buttons, the theme switch.
const SCRIPTED = "[data-copies][hidden], [data-dismiss][hidden], [data-theme-switch][hidden], [data-opens][hidden]";

export function revealScripted(root) {
  for (const element of root.querySelectorAll(SCRIPTED)) element.hidden = false;
}
