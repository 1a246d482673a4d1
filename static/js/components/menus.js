// Menus and explanations are <details>: one is open at a time, and Escape or a click elsewhere closes it.
const OPEN = "details.menu[open], details.help[open]";

export function closeMenus() {
  document.addEventListener("click", (event) => closeAllBut(event.target.closest("details.menu, details.help")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeFocused(event);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") moveFocus(event);
  });
}

function closeAllBut(kept) {
  for (const menu of document.querySelectorAll(OPEN)) if (menu !== kept) menu.open = false;
}

function closeFocused(event) {
  const menu = event.target.closest(OPEN);
  closeAllBut(null);
  menu?.querySelector("summary").focus();
}

function moveFocus(event) {
  const menu = event.target.closest("details.menu[open]");
  if (!menu) return;
  event.preventDefault();
  const stops = [...menu.querySelectorAll("summary, .menu-item")].filter((stop) => stop.checkVisibility());
  const step = event.key === "ArrowDown" ? 1 : -1;
  stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
}
