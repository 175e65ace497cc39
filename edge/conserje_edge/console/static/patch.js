// Brings what is marked `data-patch` in line with the same page as it is now.
// Children are known by their ids: who is the same stays, who is not is replaced, and nobody loses the focus.

const FOCUSABLE = "a[href], button, summary, input, select, textarea, [tabindex]";

// The elements of `next` that are marked, put in the place of those of the same id; whether one is held back,
// which none is where the reader is `free` of the list in their hand.
export function patch(next, free) {
  let held = false;
  for (const now of document.querySelectorAll("[data-patch]")) {
    const then = now.id && next.getElementById(now.id);
    if (!then) continue;
    if (now.dataset.patch === "list" && !free && inHand(now)) held = keep(now, then) || held;
    else bring(now, then);
  }
  if (next.title) document.title = next.title;
  return held;
}

// A list in somebody's hand keeps its order; a pill says how much is new, and shows it.
function keep(now, then) {
  const known = new Map([...now.children].map((each) => [each.id, each]));
  let fresh = 0;
  for (const each of then.children) {
    const there = known.get(each.id);
    if (!there || there.dataset.rev !== each.dataset.rev) fresh += 1;
    if (there) replace(there, each.cloneNode(true));
  }
  const moved = [...then.children].map((each) => each.id).join() !== [...now.children].map((each) => each.id).join();
  if (moved && fresh) showPill(now, fresh);
  return moved;
}

function inHand(list) {
  return list.matches(":hover") || list.contains(document.activeElement) || list.getBoundingClientRect().top < 0;
}

function showPill(list, fresh) {
  const shape = document.getElementById("pill");
  if (!shape) return;
  let pill = list.previousElementSibling;
  if (!pill?.classList.contains("pill")) {
    pill = shape.content.firstElementChild.cloneNode(true);
    pill.addEventListener("click", () => {
      document.activeElement?.blur();
      list.scrollIntoView({ block: "start" });
      document.dispatchEvent(new CustomEvent("let-go"));
    });
    list.before(pill);
  }
  pill.textContent = shape.dataset.text.replace("{n}", fresh);
}

export function bring(now, then) {
  const pill = now.previousElementSibling;
  if (pill?.classList.contains("pill")) pill.remove();
  for (const { name, value } of then.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  for (const { name } of [...now.attributes]) if (!then.hasAttribute(name)) now.removeAttribute(name);
  const keyed = then.children.length && [...then.children].every((each) => each.id);
  if (!keyed) {
    if (now.innerHTML !== then.innerHTML) now.replaceChildren(...then.cloneNode(true).childNodes);
    return;
  }
  const left = new Map([...now.children].map((each) => [each.id, each]));
  let place = null;
  for (const each of then.children) {
    const there = left.get(each.id);
    const made = there ? replace(there, each.cloneNode(true)) : glowing(each.cloneNode(true));
    left.delete(each.id);
    const wanted = place ? place.nextElementSibling : now.firstElementChild;
    if (made !== wanted) move(now, made, wanted);
    place = made;
  }
  for (const each of left.values()) each.remove();
}

// Moving keeps the focus and what goes on in the element, where the browser can.
function move(parent, child, before) {
  if (child.parentNode === parent && parent.moveBefore) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
}

function replace(now, then) {
  if (now.isEqualNode(then)) return now;
  const glows = now.dataset.rev !== then.dataset.rev;
  if (now.hasAttribute("data-patch")) {
    bring(now, then);
    return glows ? glowing(now) : now;
  }
  const focused = now.contains(document.activeElement) ? focusables(now).indexOf(document.activeElement) : -1;
  now.replaceWith(then);
  if (focused >= 0) focusables(then)[focused]?.focus({ preventScroll: true });
  return glows ? glowing(then) : then;
}

function focusables(element) {
  return [...(element.matches(FOCUSABLE) ? [element] : []), ...element.querySelectorAll(FOCUSABLE)];
}

function glowing(element) {
  if (element.dataset.rev) {
    element.classList.add("glow");
    element.addEventListener("animationend", () => element.classList.remove("glow"), { once: true });
  }
  return element;
}
