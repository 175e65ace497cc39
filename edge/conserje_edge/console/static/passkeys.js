// Buttons that let a device make a passkey or sign with one, and send what it answers by their form.
// Without this module, or in a browser that knows no passkeys, they are not shown.

const asks = {
  create: async (given) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(given) }),
  get: async (given) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(given) }),
};

async function answer(button) {
  const form = button.form;
  const said = form.querySelector("[data-refused]");
  said.hidden = true;
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.options, { method: "POST" });
    if (response.redirected) return location.reload();  // whoever they are is to be shown once more
    if (!response.ok) throw new Error(String(response.status));
    const credential = await asks[button.dataset.passkey](await response.json());
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    said.hidden = false;
    button.disabled = false;
  }
}

if (window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  for (const button of document.querySelectorAll("button[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => answer(button));
  }
}
