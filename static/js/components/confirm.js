// A form with data-confirm="question" asks before it is sent. Listens in the capture phase, before htmx does.
export function askBeforeSending() {
  const dialog = document.getElementById("confirm");
  if (!dialog) return;
  let pending = null;
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (!question || event.target.dataset.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    pending = { form: event.target, submitter: event.submitter };
    dialog.querySelector(".dialog-question").textContent = question;
    dialog.returnValue = "no";
    dialog.showModal();
  }, true);
  dialog.addEventListener("close", () => {
    const { form, submitter } = pending ?? {};
    pending = null;
    if (dialog.returnValue !== "yes" || !form) return;
    if (!form.isConnected) keepInPage(form);
    form.dataset.confirmed = "yes";
    form.requestSubmit(submitter);
    delete form.dataset.confirmed;
  });
}

// A live region may have been drawn anew while the question stood there, and only a form in the page can be sent.
function keepInPage(form) {
  form.hidden = true;
  document.body.append(form);
}
