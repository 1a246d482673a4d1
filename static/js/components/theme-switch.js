// Light, dark, or as the system says. theme.js applies the choice before the first paint of later pages.
export function switchTheme() {
  const buttons = [...document.querySelectorAll("[data-theme-choice]")];
  show(buttons, localStorage.getItem("theme") ?? "system");
  document.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-theme-choice]")?.dataset.themeChoice;
    if (!choice) return;
    if (choice === "system") {
      localStorage.removeItem("theme");
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem("theme", choice);
      document.documentElement.dataset.theme = choice;
    }
    show(buttons, choice);
  });
}

function show(buttons, choice) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
}
