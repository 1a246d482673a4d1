// The playground's place for an image: drop one on it, and see what was chosen.
function showChosen(zone, input) {
  const preview = zone.querySelector("img");
  const file = input.files[0];
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.hidden = !file;
  zone.classList.toggle("has-file", Boolean(file));
  if (file) preview.src = URL.createObjectURL(file);
}

function acceptDrops(zone) {
  const input = zone.querySelector("input[type=file]");
  input.addEventListener("change", () => showChosen(zone, input));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// An explanation of a picture is drawn over the picture that was chosen.
document.addEventListener("htmx:afterSwap", () => {
  const chosen = document.querySelector("[data-image-drop] img");
  const explained = document.querySelector("[data-explained-picture]");
  if (!explained || !chosen?.src) return;
  explained.src = chosen.src;
  explained.hidden = false;
});

for (const zone of document.querySelectorAll("[data-image-drop]")) acceptDrops(zone);
