// Copies what stands in an element, at a button that is there only where this works.

for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) break; // not over plain http, but for this machine
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.copied;
  });
}
