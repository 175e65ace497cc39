// What is said: shows what the feed has, and what is written here and on its way.

import { arrived } from "/attention.js";

export const words = JSON.parse(document.body.dataset.words);
export const written = []; // messages of this page that the feed has not told yet, oldest first
const log = document.getElementById("log");
const quick = document.getElementById("quick");
const status = document.getElementById("status");
const attending = document.getElementById("attending");
const more = document.getElementById("more");
const told = new Set(); // ids of the messages that the feed has told
export let last = 0; // id that the feed has told
let thinking = false;
let offline = false;
let atEnd = true;
let top = 0; // of what is in view
let below = 0; // messages that came while the visitor read further up

// What is new is counted, and heard if `aloud`; not what the page begins with.
export function show(look, { counted = true, aloud = false } = {}) {
  const fresh = look.said.filter((said) => !told.has(said.id));
  fresh.forEach(tell);
  const theirs = fresh.filter((said) => said.author === "tenant").length;
  if (counted) arrived(theirs, aloud);
  showRead(look.unread_from);
  showAttending(look);
  thinking = look.thinking;
  showStatus();
  if (atEnd) toEnd();
  else showBelow(below + theirs);
}

function showAttending({ attending: who, person }) {
  const name = person || words.a_person;
  const now = who === "person" ? words.attended.replace("{person}", name) : words[who];
  if (attending.textContent !== now) attending.textContent = now;
}

// Which of the visitor's messages somebody has read.
function showRead(unreadFrom) {
  for (const bubble of log.querySelectorAll(".mine[data-id]")) {
    const isRead = unreadFrom === null || Number(bubble.dataset.id) < unreadFrom;
    const state = bubble.querySelector(".state");
    const now = isRead ? words.read : words.delivered;
    if (state.textContent !== now) state.textContent = now;
  }
}

function showBelow(count) {
  below = count;
  more.hidden = !count;
  more.textContent = count === 1 ? words.one_new : words.many_new.replace("{count}", count);
}

log.addEventListener("scroll", () => {
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 80) atEnd = true;
  else if (log.scrollTop < top) atEnd = false; // else the talk has grown: a picture has come
  top = log.scrollTop;
  if (atEnd) showBelow(0);
});
const stayAtEnd = () => atEnd && toEnd();
new ResizeObserver(stayAtEnd).observe(log); // the composer grows, or a keyboard comes
new MutationObserver(stayAtEnd).observe(log, { childList: true, subtree: true }); // a message is refused
log.addEventListener("load", stayAtEnd, true); // a picture has come
more.addEventListener("click", toEnd);

export function showOffline(is) {
  offline = is;
  showStatus();
}

function showStatus() {
  status.classList.toggle("offline", offline);
  const now = offline ? words.offline : thinking ? words.thinking : "";
  if (status.textContent !== now) status.textContent = now;
}

export function toEnd() {
  atEnd = true;
  log.scrollTop = log.scrollHeight;
}

// A message that is written here, at the end of the talk.
export function append(message) {
  const { text, file } = message;
  message.bubble = newBubble({ author: "contact", text, files: file ? [ownFile(file)] : [] });
  log.append(message.bubble);
  if (quick) quick.hidden = true;
  written.push(message);
  toEnd();
}

function tell(said) {
  told.add(said.id);
  last = Math.max(last, said.id);
  if (quick) quick.hidden = true;
  const bubble = (said.author === "contact" && ownBubble(said)) || newBubble(said);
  const note = make("p", "note");
  note.append(moment(said.at));
  if (said.author === "contact") {
    const state = make("span", "state");
    state.ariaLive = "off"; // it changes too often to be read out
    note.append(" · ", state);
  }
  bubble.querySelector(".note").replaceWith(note);
  bubble.dataset.id = said.id;
  const later = [...log.querySelectorAll("[data-id]")].find((other) => Number(other.dataset.id) > said.id);
  log.insertBefore(bubble, later ?? written[0]?.bubble ?? null);
  separateDay(bubble, said.at);
  nameWriter(bubble);
}

function separateDay(bubble, at) {
  const day = new Date(at).toDateString();
  if (log.querySelector(`[data-day="${day}"]`)) return;
  const separator = make("p", "day", dayName(at));
  separator.dataset.day = day;
  log.insertBefore(separator, bubble);
}

function dayName(at) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days < 2) return days ? words.yesterday : words.today;
  const year = new Date(at).getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return new Date(at).toLocaleDateString(document.documentElement.lang, {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...year,
  });
}

// Above the first of several messages of one person or of the assistant.
function nameWriter(bubble) {
  const { who } = bubble.dataset;
  if (who && bubble.previousElementSibling?.dataset.who !== who) bubble.prepend(make("p", "who", who));
}

// The bubble of the message as it was written here; the feed does not know the browser's ids.
function ownBubble({ id, text }) {
  const at = written.findIndex((message) => (message.file ? message.id === id : message.text === text));
  return at < 0 ? null : written.splice(at, 1)[0].bubble;
}

// What is written here is this message of the feed's, which may have told it already.
export function place(message, id) {
  message.id = id;
  if (!told.has(id)) return;
  message.bubble.remove();
  written.splice(written.indexOf(message), 1);
}

function newBubble({ author, text, person = null, choices = [], files = [], cards = [] }) {
  const mine = author === "contact";
  const bubble = make("div", mine ? "said mine" : "said");
  if (!mine) bubble.dataset.who = person === null ? words.an_assistant : person || words.a_person;
  const paragraph = make("p", "text");
  paragraph.dir = "auto";
  paragraph.append(make("span", "aside", `${mine ? words.you : person || words.name}: `), ...linked(text));
  if (files.length && !text) paragraph.classList.add("aside");
  bubble.append(paragraph, ...files.map(fileShown));
  if (choices.length) bubble.append(choiceButtons(choices));
  if (cards.length) bubble.append(cardsShown(cards));
  bubble.append(make("p", "note"));
  return bubble;
}

// One that is on its way is no link: opened by itself it would be a page of this host.
function ownFile(file) {
  const kind = ["image", "audio"].find((each) => file.type.startsWith(`${each}/`)) ?? "file";
  const address = kind === "file" ? "" : URL.createObjectURL(file);
  return { kind, address, name: file.name, size: file.size, isOwn: true };
}

function fileShown(file) {
  if (file.kind === "audio") return player(file);
  const shown = file.isOwn ? make("span") : newTab(file.address, "");
  shown.className = "file";
  if (file.kind === "image") shown.append(picture(file, () => nameFile(shown, file)));
  else nameFile(shown, file);
  return shown;
}

function player({ address, name }) {
  const audio = make("audio");
  return Object.assign(audio, { controls: true, preload: "metadata", src: address, ariaLabel: name });
}

function picture({ address, name }, otherwise) {
  const image = make("img");
  image.addEventListener("load", () => atEnd && toEnd());
  image.addEventListener("error", otherwise); // its address is over, or it is no picture
  return Object.assign(image, { alt: name || words.a_file, src: address });
}

function nameFile(shown, { name, size }) {
  shown.replaceChildren(make("span", "", name || words.a_file));
  if (size !== null) shown.append(" ", make("small", "", sized(size)));
}

function sized(bytes) {
  const [unit, many] = bytes < 1e6 ? ["kilobyte", bytes / 1e3] : ["megabyte", bytes / 1e6];
  const how = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "kilobyte" ? 0 : 1 };
  return Math.max(many, unit === "kilobyte" ? 1 : 0).toLocaleString(document.documentElement.lang, how);
}

function choiceButtons(choices) {
  const cards = choices.some(({ description, picture, link }) => description || picture || link);
  const group = make("div", cards ? "choices cards" : "choices");
  for (const { id, title, description, picture, link } of choices) {
    const button = make("button");
    button.type = "button";
    if (picture) button.append(productPicture(picture));
    button.append(make(cards ? "strong" : "span", "", title));
    if (description) button.append(" ", make("span", "", description));
    button.addEventListener("click", () => {
      log.dispatchEvent(new CustomEvent("pressed", { detail: { id, title } }));
    });
    group.append(link ? withLink(button, link, title) : button);
  }
  return group;
}

function cardsShown(cards) {
  const group = make("div", "choices cards");
  for (const { title, description, picture, link } of cards) {
    const card = make("div", "card");
    if (picture) card.append(productPicture(picture));
    card.append(make("strong", "", title), " ", make("span", "", description));
    group.append(link ? withLink(card, link, title) : card);
  }
  return group;
}

function withLink(shown, link, title) {
  const whole = make("div", "linked");
  const address = newTab(link, words.to_shop);
  address.ariaLabel = `${words.to_shop}: ${title}`;
  whole.append(shown, address);
  return whole;
}

// Its site need not know who looks; the name stands beside it.
function productPicture(address) {
  const image = make("img");
  image.addEventListener("load", () => atEnd && toEnd());
  image.addEventListener("error", () => image.remove());
  return Object.assign(image, { referrerPolicy: "no-referrer", alt: "", src: address });
}

export function make(name, className = "", content = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = content;
  return element;
}

function linked(content) {
  const pieces = content.split(/(https:\/\/[^\s<>"]*[^\s<>".,;:!?)'\]])/);
  return pieces.map((piece, index) => (index % 2 ? newTab(piece, piece) : piece));
}

export function newTab(address, content) {
  const link = make("a", "", content);
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  return link;
}

function moment(at) {
  const time = make("time");
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return time;
}
