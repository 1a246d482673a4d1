// Buttons with data-copies="id" copy the text of that element and say so for a moment.
export function copyOnClick() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    const source = button && document.getElementById(button.dataset.copies);
    if (!source) return;
    if (!(await copyText(source))) return;
    button.classList.add("is-done");
    announce(document.getElementById("words").dataset.copied);
    setTimeout(() => button.classList.remove("is-done"), 2000);
  });
}

async function copyText(source) {
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return false;
  }
}

function announce(words) {
  const region = document.getElementById("spoken");
  if (region) region.textContent = words;
}
