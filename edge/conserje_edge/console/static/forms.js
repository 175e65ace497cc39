// Forms that need no new page, and what is typed in them: kept for the person who typed it, and sent once.
//
// `<form data-live>` is sent from the page. `<textarea data-draft="key">` is kept until it is sent. A form with
// `<input type="hidden" name="once">` is one that the server takes once: what could not be sent goes by itself later.

let login, refresh, say;
const drafts = () => `draft ${login} `;
const unsent = () => `unsent ${login} `;

export function begin(frame) {
  ({ login, refresh, say } = frame);
  for (const field of document.querySelectorAll("[data-draft]")) restore(field);
  for (const field of document.querySelectorAll('input[name="once"]')) field.value ||= crypto.randomUUID();
  document.addEventListener("input", ({ target }) => target.dataset?.draft && keep(target));
  document.addEventListener("submit", submitted);
  addEventListener("online", sendUnsent);
  sendUnsent();
}

function restore(field) {
  const kept = localStorage.getItem(drafts() + field.dataset.draft);
  if (kept && !field.value) {
    field.value = kept;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function keep(field) {
  const key = drafts() + field.dataset.draft;
  if (field.value) localStorage.setItem(key, field.value);
  else localStorage.removeItem(key);
}

function submitted(event) {
  const form = event.target;
  if (form.getAttribute("action") === "/sign-out") forget();
  if (event.defaultPrevented || !form.hasAttribute("data-live")) return;
  event.preventDefault();
  send(form, event.submitter);
}

// Who signs out leaves nothing behind.
function forget() {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(drafts()) || key.startsWith(unsent())) localStorage.removeItem(key);
  }
}

async function send(form, button) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const data = new FormData(form, button);
  const files = [...data.values()].some((each) => each instanceof File && each.name);
  const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
  const url = button?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.href;
  try {
    await taken(form, await post(url, body));
  } catch {
    if (form.elements.once && !files) leave(form, url, new URLSearchParams(data));
    else say("unsent");
  } finally {
    form.ariaBusy = "false";
  }
}

function post(url, body) {
  return fetch(url, { method: "POST", body, headers: { "x-live": "form" }, redirect: "manual" });
}

async function taken(form, answer) {
  const to = answer.headers.get("x-see");
  if (to === null) return shown(form, answer);
  const { pathname, search } = new URL(to, location.href);
  const elsewhere = pathname + search !== location.pathname + location.search;
  if (!/^\/(sign-in|step-up)$/.test(pathname)) emptied(form);
  if (elsewhere) location.assign(to);
  else await refresh("form");
}

// What was wrong with it stands beside what was typed.
async function shown(form, answer) {
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const there = form.id && next.getElementById(form.id);
  if (there) form.replaceWith(there);
  else document.getElementById("main").replaceWith(next.getElementById("main"));
}

function emptied(form) {
  for (const field of form.querySelectorAll("[data-draft]")) localStorage.removeItem(drafts() + field.dataset.draft);
  form.reset();
  if (form.elements.once) form.elements.once.value = crypto.randomUUID();
  form.dispatchEvent(new CustomEvent("taken", { bubbles: true }));
}

// Kept until there is a connection again.
function leave(form, url, body) {
  localStorage.setItem(unsent() + form.elements.once.value, JSON.stringify({ url, body: body.toString() }));
  emptied(form);
  say("unsent");
}

// Of all tabs one sends; the server takes what comes twice once.
async function sendUnsent() {
  if (!navigator.onLine || !Object.keys(localStorage).some((key) => key.startsWith(unsent()))) return;
  const sendAll = async () => {
    for (const key of Object.keys(localStorage).filter((each) => each.startsWith(unsent()))) {
      const { url, body } = JSON.parse(localStorage.getItem(key));
      const answer = await post(url, new URLSearchParams(body));
      const to = answer.headers.get("x-see");
      if (answer.status >= 500 || (to && /^\/(sign-in|step-up)/.test(to))) return;
      localStorage.removeItem(key);
    }
    await refresh("form");
  };
  try {
    if (navigator.locks) await navigator.locks.request(unsent(), sendAll);
    else await sendAll();
  } catch {
    say("unsent");
  }
}
