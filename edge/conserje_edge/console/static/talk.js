// One conversation: who else is here, prepared answers by /, and keys. Without it all works, too.

const EVERY = 15_000; // milliseconds between two words of being here
const NEAR = 160; // pixels from the end of the talk
const byId = (id) => document.getElementById(id);
const talk = document.querySelector(".talk[data-here]");
let wrote = 0;
let sent = 0;

// Who else is here; the server forgets who says nothing for a minute.
async function sayHere() {
  if (document.hidden) return;
  const writes = Date.now() - wrote < EVERY ? 1 : 0;
  try {
    const answer = await fetch(`${talk.dataset.here}?writes=${writes}`, { redirect: "error" });
    if (!answer.ok) return;
    const { body } = new DOMParser().parseFromString(await answer.text(), "text/html");
    const others = byId("talk-others");
    if (others.textContent.trim() !== body.textContent.trim()) others.replaceChildren(...body.childNodes);
  } catch {
    // The frame says that nobody answers, and the next one tries again.
  }
}

// What the composer does follows whoever has the conversation; what is typed in it stays.
function follow() {
  const has = byId("talk-has");
  const send = byId("composer-send");
  if (!has || !send) return;
  const says = has.dataset.says === "yes";
  send.disabled = !says;
  byId("composer-suggest").hidden = has.dataset.suggests !== "yes";
  send.form.action = talk.dataset.here.replace(/here$/, says ? "say" : "note");
  byId("composer-text").placeholder = has.dataset.placeholder;
}

async function insertPrepared(select) {
  if (!select.value) return;
  if (select.value === "all") {
    location.assign(select.dataset.texts);
    return;
  }
  const answer = await fetch(`${select.dataset.texts}/${select.value}/to/${select.dataset.to}`);
  if (!answer.ok) return;
  select.value = "";
  const text = byId("composer-text");
  text.setRangeText(await answer.text(), text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
}

// What the assistant would write goes into an empty field; what somebody has typed there stays until they say so.
async function suggest(button) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  const before = sent;
  show(byId("composer-suggestion").dataset.asking);
  try {
    const answer = await fetch(button.getAttribute("formaction"), { method: "POST", headers: { "x-live": "form" } });
    const to = answer.headers.get("x-see");
    if (to) return location.assign(to);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok) suggested(next.getElementById("composer-text").value, before === sent);
    else show((next.getElementById("composer-error") ?? next.querySelector("h1")).textContent);
  } catch {
    show(); // the frame says that nobody answers
  } finally {
    button.ariaBusy = "false";
  }
}

function suggested(words, isForThis) {
  const field = byId("composer-text");
  if (field.value.trim() || !isForThis) return show(words, true);
  show();
  put(field, words);
}

function put(field, words) {
  field.value = words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

// Beside the field: words that may be put into it, or else why there are none.
function show(words = "", mayUse = false) {
  const box = byId("composer-suggestion");
  box.hidden = !words;
  box.querySelector(".buttons").hidden = box.querySelector(".quiet").hidden = !mayUse;
  byId("composer-suggested").textContent = words;
}

function choosePrepared(event) {
  const select = byId("composer-prepared");
  if (!select || event.target.value.trim()) return;
  event.preventDefault();
  select.focus();
  select.showPicker?.();
}

// Where a keyboard is at hand; a telephone's Enter begins a line.
function sendByEnter(event) {
  const send = byId("composer-send");
  if (event.shiftKey || !send || send.disabled || !matchMedia("(hover: hover) and (pointer: fine)").matches) return;
  event.preventDefault();
  if (event.target.value.trim()) send.form.requestSubmit(send);
}

function showChosen() {
  const [file] = byId("composer-file").files;
  byId("composer-chosen").textContent = file ? file.name : "";
}

document.addEventListener("input", ({ target }) => {
  if (target.id !== "composer-text" || !target.value) return;
  const begins = Date.now() - wrote > EVERY;
  wrote = Date.now();
  if (begins) sayHere();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("#composer-suggest, #composer-suggestion button");
  if (!button) return;
  event.preventDefault();
  if (button.id === "composer-suggest") return suggest(button);
  if ("use" in button.dataset) put(byId("composer-text"), byId("composer-suggested").textContent);
  show();
});
document.addEventListener("change", ({ target }) => {
  if (target.id === "composer-prepared") insertPrepared(target);
  if (target.id === "composer-file") showChosen();
});
document.addEventListener("taken", ({ target }) => {
  if (target.id !== "composer") return;
  wrote = 0;
  sent += 1;
  show();
  showChosen();
  sticks = true;
});
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.id === "composer-text") {
    if (event.key === "/") choosePrepared(event);
    if (event.key === "Enter") sendByEnter(event);
  } else if (event.key === "Enter" && event.target === document.body) {
    byId("composer-text")?.focus();
    event.preventDefault();
  }
});

// Who reads the end of the talk stays there.
const isAtEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - NEAR;
const toEnd = () => scrollTo(0, document.documentElement.scrollHeight);
let sticks = !location.hash && !new URLSearchParams(location.search).has("before");

if (talk) {
  if (sticks) toEnd();
  addEventListener("scroll", () => { sticks = isAtEnd(); }, { passive: true });
  new MutationObserver(() => sticks && toEnd()).observe(byId("talk-lines"), { childList: true });
  new MutationObserver(follow).observe(byId("talk-state"), { childList: true, subtree: true, attributes: true });
  sayHere();
  setInterval(sayHere, EVERY);
  document.addEventListener("visibilitychange", sayHere);
}
