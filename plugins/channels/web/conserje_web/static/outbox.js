// What is written here: sent until it is taken, each message once.

import { framed, mayRing } from "/attention.js";
import { listen, listenAgain, listenAnew, whenOpen } from "/listening.js";
import { append, make, newTab, showOffline, words, written } from "/talk.js";

const FIRST_WAIT = 1; // seconds until it is tried again, twice as many each time
const LONGEST_WAIT = 30;
const TIME_LIMIT = 15000; // milliseconds for an answer
const KEPT = "conserje-outbox"; // what a reload finds again

const outbox = []; // messages that the server has not acknowledged, oldest first
let sending = false;
let hasSession = false;
let goOn = () => {}; // before the wait is over

export function knowSession() {
  hasSession = true;
}

export function send(content, text) {
  mayRing();
  add({ body: { id: crypto.randomUUID(), ...content }, text });
  keep();
  empty();
}

function add(message) {
  append(message);
  outbox.push(message);
  note(message, "sending");
}

export async function empty() {
  goOn();
  if (sending) return;
  sending = true;
  while (outbox.length) {
    const [message] = outbox;
    note(message, "sending");
    const trouble = await deliver(message);
    if (trouble && trouble !== "refused") {
      outbox.forEach((waiting) => note(waiting, trouble));
      break;
    }
    outbox.shift();
    keep();
    note(message, trouble);
    if (trouble) written.splice(written.indexOf(message), 1); // the feed will never have it
    listen();
    listenAgain();
  }
  sending = false;
}

// Nothing when the message is taken, else the name of the words that say why it is not.
async function deliver(message) {
  for (let wait = FIRST_WAIT, opened = 0; ; ) {
    const opens = !hasSession;
    const status = await (opens ? post("/session") : post("/bot/web/webhook", message.body));
    showOffline(isOutage(status));
    if (status >= 200 && status < 300) {
      if (!opens) return "";
      hasSession = true;
      opened += 1;
      listenAnew();
    } else if (status === 403 && !opens && opened < 2) {
      hasSession = false; // it is over, or the browser did not keep its cookie
    } else if (isOutage(status)) {
      await pause(wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    } else {
      return TROUBLES[status] ?? "unsent";
    }
  }
}

const TROUBLES = { 400: "refused", 403: "no_cookie", 413: "refused", 429: "too_many" };

// Nobody answered, or nobody who could take it: it may come again.
function isOutage(status) {
  return status === 0 || status >= 500;
}

function pause(seconds) {
  return new Promise((resolve) => {
    goOn = resolve;
    setTimeout(resolve, seconds * 1000);
  });
}

// The status of the answer; 0 where none came.
async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIME_LIMIT),
    });
    await answer.text(); // or its connection would not be free
    return answer.status;
  } catch {
    return 0;
  }
}

function note(message, state) {
  if (!written.includes(message)) return; // the feed has it
  const line = make("p", "note", words[state] ?? "");
  if (state === "sending") line.classList.add("sending");
  else if (state) line.classList.add("trouble");
  if (state === "unsent" || state === "too_many") {
    const again = make("button", "", words.again);
    again.type = "button";
    again.addEventListener("click", empty);
    line.append(" ", again);
  }
  if (state === "no_cookie" && framed) line.append(" ", newTab(location.href, words.own_tab));
  message.bubble.querySelector(".note").replaceWith(line);
}

// ---- what a reload must not lose: its ids are the same, so that it is taken once

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(outbox.map(({ body, text }) => ({ body, text }))));
  } catch {
    // a browser that keeps nothing for frames
  }
}

export function restore() {
  try {
    JSON.parse(sessionStorage.getItem(KEPT) ?? "[]").forEach(add);
  } catch {
    // as above
  }
}

addEventListener("online", empty);
whenOpen(empty);
