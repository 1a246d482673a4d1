// Buttons with data-opens="id" open that <dialog>; a click on its backdrop closes it.
export function openDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    if (event.target instanceof HTMLDialogElement && outside(event.target, event)) event.target.close("");
  });
}

function outside(dialog, { clientX: x, clientY: y }) {
  const box = dialog.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
