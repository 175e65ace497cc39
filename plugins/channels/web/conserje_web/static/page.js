// The chat page: the composer, the frame around it, and the beginning.

import "/files.js";
import "/hours.js";
import { identify, tellIdentity } from "/identity.js";
import { askToClose, closed, framed, opened } from "/attention.js";
import { listen, look } from "/listening.js";
import { empty, knowSession, restore, send } from "/outbox.js";
import { show, toEnd } from "/talk.js";

const form = document.querySelector("form");
const text = document.getElementById("text");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const content = text.value.trim().replace(/[\0\p{Cs}]/gu, "\ufffd"); // as it is stored
  if (content) send({ text: content }, content);
  text.value = "";
  text.focus();
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

document.getElementById("log").addEventListener("pressed", ({ detail }) => {
  send({ pressed: detail }, detail.title);
});

document.getElementById("quick")?.addEventListener("click", ({ target }) => {
  const answer = target.closest("button")?.textContent;
  if (answer) send({ text: answer }, answer);
  text.focus();
});

if (framed) {
  document.body.classList.add("framed");
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent) return;
    if (data?.conserje === "closed") closed();
    if (data?.conserje === "identity") identify(data);
    if (data?.conserje !== "opened") return;
    opened(origin);
    look();
    if (data.focus) text.focus();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && askToClose());
} else if (matchMedia("(pointer: fine)").matches) {
  text.focus(); // on a phone the keyboard would cover the page
}

await restore();
// Some phones lay the keyboard over the page.
visualViewport?.addEventListener("resize", () => {
  const covered = visualViewport.scale === 1 && visualViewport.height < innerHeight;
  document.body.style.height = covered ? `${visualViewport.height}px` : "";
});

const history = await fetch("/history").catch(() => null);
if (history?.status === 200) {
  knowSession();
  tellIdentity();
  show(await history.json(), { counted: false });
  toEnd();
  listen();
}
empty();
