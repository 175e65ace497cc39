// What is written here: sent until it is taken, each message once.

import { framed, mayRing } from "/attention.js";
import { listen, listenAgain, listenAnew, whenOpen } from "/listening.js";
import { dropFile, keepFile, keptFile } from "/shelf.js";
import { append, make, newTab, place, showOffline, words, written } from "/talk.js";

const FIRST_WAIT = 1; // seconds until it is tried again, twice as many each time
const LONGEST_WAIT = 30;
const TIME_LIMIT = 15_000; // milliseconds for an answer
const FILE_LIMIT = 180_000; // for a file's
const KEPT = "conserje-outbox"; // what a reload finds again

const outbox = []; // messages that the server has not acknowledged, oldest first
let sending = false;
let hasSession = false;
let taken = () => {};
let goOn = () => {}; // before the wait is over

export function knowSession() {
  hasSession = true;
}

export function isKnown() {
  return hasSession;
}

// What to do when a message has been taken.
export function whenTaken(callback) {
  taken = callback;
}

export function send(content, text) {
  mayRing();
  add({ body: { id: crypto.randomUUID(), ...content }, text });
  keep();
  empty();
}

// A file: with its `trouble` where it is known beforehand that it will not be taken.
export function sendFile(file, trouble = "") {
  mayRing();
  const refused = trouble || (hasSession || outbox.length ? "" : "unwritten");
  const message = { body: { id: crypto.randomUUID() }, text: "", file };
  if (!refused) {
    add(message);
    keep();
    keepFile(message.body.id, file);
    empty();
    return;
  }
  append(message);
  note(message, refused);
  forget(message);
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
    if (trouble && !FINAL.has(trouble)) {
      outbox.forEach((waiting) => note(waiting, trouble));
      break;
    }
    outbox.shift();
    keep();
    if (message.file) dropFile(message.body.id);
    note(message, trouble);
    if (trouble) forget(message);
    else taken();
    listen();
    listenAgain();
  }
  sending = false;
}

// The feed will never have it.
function forget(message) {
  written.splice(written.indexOf(message), 1);
}

// Nothing when the message is taken, else the name of the words that say why it is not.
async function deliver(message) {
  for (let wait = FIRST_WAIT, opened = 0; ; ) {
    const opens = !hasSession;
    const { status, told } = await (opens ? post("/session") : hand(message));
    showOffline(isOutage(status));
    if (status >= 200 && status < 300) {
      if (!opens && told.id) place(message, told.id);
      if (!opens) return "";
      hasSession = true;
      opened += 1;
      listenAnew();
    } else if (told.refused) {
      return told.refused;
    } else if (status === 403 && !opens && opened < 2) {
      hasSession = false; // it is over, or the browser did not keep its cookie
    } else if (isOutage(status)) {
      await pause(wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    } else {
      return (message.file && status === 413 && "large") || TROUBLES[status] || "unsent";
    }
  }
}

const TROUBLES = { 400: "refused", 403: "no_cookie", 413: "refused", 429: "too_many" };
const FINAL = new Set(["refused", "unwritten", "kind", "large", "many", "key"]); // and no try is another

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

function hand(message) {
  return message.file ? upload(message) : post("/bot/web/webhook", message.body);
}

// Of fetch nobody hears how far it has come.
function upload(message) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const name = message.file.name.slice(-200).toWellFormed?.() ?? "";
    request.open("POST", `/upload?${new URLSearchParams({ id: message.body.id, name })}`);
    request.timeout = FILE_LIMIT;
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => noteProgress(message, loaded / total);
    request.onloadend = () => resolve({ status: request.status, told: request.response ?? {} });
    request.send(message.file);
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
    return { status: answer.status, told: {} };
  } catch {
    return { status: 0, told: {} };
  }
}

function noteProgress({ bubble }, part) {
  const line = bubble.querySelector(".note.sending");
  if (line) line.textContent = `${words.sending} ${Math.round(100 * part)} %`;
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
    const waiting = outbox.map(({ body, text, file }) => ({ body, text, isFile: Boolean(file) }));
    sessionStorage.setItem(KEPT, JSON.stringify(waiting));
  } catch {
    // a browser that keeps nothing for frames
  }
}

export async function restore() {
  for (const { isFile, ...message } of kept()) {
    const file = isFile ? await keptFile(message.body.id) : undefined;
    if (file || !isFile) add({ ...message, file });
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    return []; // as above
  }
}

addEventListener("online", empty);
whenOpen(empty);
