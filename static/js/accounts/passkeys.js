// Forms with data-passkey: ask our server for options, let the device make or use a passkey, send what it says.
const makers = {
  create: (options) =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  get: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

if (window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  for (const form of document.querySelectorAll("[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void sendWithPasskey(form);
    });
  }
}

async function sendWithPasskey(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.options, { method: "POST", body: new FormData(form) });
    const told = await answer.json();
    if (!answer.ok) return complain(form, told.problem);
    const credential = await makers[form.dataset.passkey](told.publicKey);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    complain(form);
  } finally {
    button.disabled = false;
  }
}

function complain(form, problem) {
  const place = form.querySelector("[data-problem]");
  place.textContent = problem ?? place.dataset.problem;
  place.hidden = false;
}
