// Keys for those who have them: j and k go through the rows, Enter opens one, / searches, ? says which there are.
// A page adds its own by `data-key="t"` on a link or a button. None while somebody types.

const ROW = "[data-row]";

function typing(element) {
  return element.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function step(by) {
  const rows = [...document.querySelectorAll(ROW)];
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(Math.max(here < 0 ? (by > 0 ? 0 : rows.length - 1) : here + by, 0), rows.length - 1)];
  const target = next.matches("a, button, [tabindex]") ? next : next.querySelector("a, button, [tabindex]");
  target?.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const own = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "?") document.getElementById("keys")?.showModal();
  else if (own) own.matches("input, textarea, select") ? own.focus() : own.click();
  else if (event.key === "/") document.querySelector("input[type=search]")?.focus();
  else return;
  event.preventDefault();
});

for (const each of document.querySelectorAll("[data-opens]")) {
  each.addEventListener("click", () => document.getElementById(each.dataset.opens)?.showModal());
}

// A menu closes when something else is touched, and by Escape.
document.addEventListener("click", ({ target }) => closeMenus(target));
document.addEventListener("keydown", ({ key }) => key === "Escape" && closeMenus(null));

function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (but && menu.contains(but)) continue;
    if (!but && menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
}
