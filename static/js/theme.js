// Runs before the first paint: the theme that the person chose, if any; else CSS follows the system.
const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
document.documentElement.classList.add("has-js");
