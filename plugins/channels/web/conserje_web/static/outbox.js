// What is written here: sent until it is taken, each message once.

import { framed, mayRing } from "/attention.js";
import { listen, listenAgain, listenAnew, whenOpen } from "/listening.js";
import { dropFile, keepFile, keptFile } from "/shelf.js";
import { append, make, newTab, place, showOffline, words, written } from "/talk.js";

const FIRST_WAIT = 1; // seconds until it is tried again, twice as many each time
const LONGEST_WAIT = 30;
const PATIENCE = 3; // tries of a file until what was written after it goes first
const TIME_LIMIT = 15_000; // milliseconds for an answer
const FILE_LIMIT = 180_000; // for a file's
const KEPT = "conserje-outbox"; // what a reload finds again

const outbox = []; // messages that the server has not acknowledged, oldest first
let sending = false;
let asked = false; // meanwhile
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
  refuse(message, refused);
}

// Shown with why it is not sent, and is in no outbox.
function refuse(message, why) {
  append(message);
  note(message, why);
  forget(message);
}

function add(message) {
  append(message);
  outbox.push(message);
  note(message, "sending");
}

export async function empty() {
  goOn();
  asked = true;
  if (sending) return;
  sending = true;
  for (let wait = FIRST_WAIT; await sendAll(); wait = Math.min(2 * wait, LONGEST_WAIT)) await pause(wait);
  sending = false;
}

// Whether it is to be tried again by itself. A text waits for the one before it, and neither waits for ever for
// a file that cannot be handed in.
async function sendAll() {
  let again = false;
  asked = false;
  for (let at = 0; at < outbox.length; ) {
    const message = outbox[at];
    note(message, "sending");
    const trouble = await deliver(message);
    again ||= trouble === OUTAGE;
    if (!trouble || FINAL.has(trouble)) {
      settle(message, trouble);
    } else if (letsPass(message, trouble)) {
      note(message, trouble === OUTAGE ? "unsent" : trouble);
      at += 1;
    } else {
      if (trouble !== OUTAGE) outbox.slice(at).forEach((waiting) => note(waiting, trouble));
      break;
    }
  }
  return again || asked;
}

function settle(message, trouble) {
  outbox.splice(outbox.indexOf(message), 1);
  keep();
  if (message.file) dropFile(message.body.id);
  note(message, trouble);
  if (trouble) forget(message);
  else taken();
  listen();
  listenAgain();
}

// Whether what was written after it goes first: an outage is soon over, or it is of this file alone.
function letsPass(message, trouble) {
  return message.file && (trouble !== OUTAGE || message.outages >= PATIENCE);
}

// The feed will never have it.
function forget(message) {
  if (written.includes(message)) written.splice(written.indexOf(message), 1);
}

// Nothing when the message is taken, else the name of the words that say why it is not.
async function deliver(message) {
  for (let opened = 0; ; ) {
    const opens = !hasSession;
    const { status, told } = await (opens ? post("/session") : hand(message));
    if (!isOutage(status)) {
      showOffline(false);
      message.outages = 0;
    }
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
      if (message.file && !(await isThere(message.file))) return "key";
      message.outages = (message.outages ?? 0) + 1;
      if (!letsPass(message, OUTAGE)) showOffline(true);
      return OUTAGE;
    } else {
      return (message.file && status === 413 && "large") || TROUBLES[status] || "unsent";
    }
  }
}

const OUTAGE = "outage"; // the status line has the words
const TROUBLES = { 400: "refused", 403: "no_cookie", 413: "refused", 429: "too_many" };
const FINAL = new Set(["refused", "unwritten", "kind", "large", "many", "key"]); // and no try is another

// Whether the file can be read still: it lies on the visitor's disk.
function isThere(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

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
    const waiting = outbox.map(({ body, text, file }) => ({ body, text, isFile: Boolean(file), ...named(file) }));
    sessionStorage.setItem(KEPT, JSON.stringify(waiting));
  } catch {
    // a browser that keeps nothing for frames
  }
}

function named(file) {
  return file && { name: file.name, size: file.size };
}

export async function restore() {
  for (const { isFile, name = "", size = null, ...message } of kept()) {
    const file = isFile ? await keptFile(message.body.id) : undefined;
    if (file || !isFile) add({ ...message, file });
    else refuse({ ...message, file: { name, size, type: "" } }, "key"); // the browser has not kept it
  }
  keep();
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
