// One conversation: who else is here, prepared answers by /, and keys. Without it all works, too.

const talk = document.querySelector(".talk[data-here]");
const composer = document.getElementById("composer");
const text = document.getElementById("composer-text");
const EVERY = 15000;  // ms between two words of being here

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

// Who else is here; the server forgets who says nothing for a minute.
let wrote = 0;
async function sayHere() {
  if (document.hidden) return;
  const writes = Date.now() - wrote < EVERY ? "1" : "0";
  try {
    const answer = await fetch(`${talk.dataset.here}?writes=${writes}`, { redirect: "error" });
    if (!answer.ok) return;
    const read = new DOMParser().parseFromString(await answer.text(), "text/html");
    const others = document.getElementById("talk-others");
    if (others.innerHTML.trim() !== read.body.innerHTML.trim()) others.replaceChildren(...read.body.childNodes);
  } catch {
    // The next one tries again; the frame says that nobody answers.
  }
}

// What the composer does follows whoever has the conversation, and what is typed in it stays.
function follow() {
  const has = document.getElementById("talk-has");
  const send = document.getElementById("composer-send");
  if (!has || !send) return;
  const says = has.dataset.says === "yes";
  send.disabled = !says;
  composer.action = `${talk.dataset.here.replace(/\/here$/, "")}/${says ? "say" : "note"}`;
}

async function insertPrepared(select) {
  const chosen = select.value;
  if (!chosen) return;
  const answer = await fetch(`${select.dataset.texts}/${chosen}/to/${select.dataset.to}`);
  if (!answer.ok) return;
  const words = await answer.text();
  select.value = "";
  text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
  text.focus();
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

if (composer) {
  const select = document.getElementById("composer-prepared");
  const file = document.getElementById("composer-file");
  text.addEventListener("input", () => {
    if (text.value && Date.now() - wrote > EVERY) setTimeout(sayHere, 300);
    if (text.value) wrote = Date.now();
  });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "/" && select && !text.value.trim()) {
      event.preventDefault();
      select.focus();
      if (select.showPicker) select.showPicker();
    }
    if (event.key === "Enter" && !event.shiftKey && matchMedia("(hover: hover) and (pointer: fine)").matches) {
      const send = document.getElementById("composer-send");
      if (!send || send.disabled) return;
      event.preventDefault();
      if (text.value.trim()) composer.requestSubmit(send);
    }
  });
  if (select) select.addEventListener("change", () => insertPrepared(select));
  file.addEventListener("change", () => {
    document.getElementById("composer-chosen").textContent = file.files.length ? file.files[0].name : "";
  });
  composer.addEventListener("submit", () => {
    for (const button of composer.querySelectorAll("button")) setTimeout(() => { button.disabled = true; }, 0);
    setTimeout(() => {
      for (const button of composer.querySelectorAll("button")) button.disabled = false;
      follow();
    }, 5000);
  });
}

if (talk) {
  sayHere();
  setInterval(sayHere, EVERY);
  document.addEventListener("visibilitychange", sayHere);
  const state = document.getElementById("talk-state");
  new MutationObserver(follow).observe(state, { childList: true, subtree: true, attributes: true });
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const form = document.getElementById("talk-take");
    if (event.key === "t" && form) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Enter" && event.target === document.body && text) {
      event.preventDefault();
      text.focus();
    }
  });
  const isLast = !new URLSearchParams(location.search).has("before");
  if (isLast && !location.hash) scrollTo(0, document.documentElement.scrollHeight);
}
