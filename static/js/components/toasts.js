// Messages in the corner: they leave by themselves unless they tell of an error, and requests that failed get one.
const SHOWN_FOR = 8000;

export function showToasts() {
  for (const toast of document.querySelectorAll("[data-toast]")) leaveLater(toast);
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove());
  document.addEventListener("toast", (event) => addToast(event.detail.message, event.detail.level));
  document.addEventListener("htmx:sendError", () => addToast(failedWords(), "error"));
  document.addEventListener("htmx:responseError", (event) => addToast(messageOf(event.detail.xhr), "error"));
}

export function addToast(message, level = "info") {
  const toast = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  toast.className = `toast toast-${level}`;
  toast.querySelector("p").textContent = message;
  document.getElementById("toasts").append(toast);
  leaveLater(toast);
}

function leaveLater(toast) {
  if (toast.classList.contains("toast-error")) return;
  const leave = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? leave() : toast.remove()), SHOWN_FOR);
  leave();
}

function messageOf(answer) {
  const page = new DOMParser().parseFromString(answer.responseText, "text/html");
  return page.querySelector("[data-error-message]")?.textContent ?? failedWords();
}

function failedWords() {
  return document.getElementById("words").dataset.failed;
}
