// What is said: shows what the feed has, and what is written here and on its way.

export const words = JSON.parse(document.body.dataset.words);
export const framed = window.parent !== window;
export const written = []; // messages of this page that the feed has not told yet, oldest first
const log = document.getElementById("log");
const quick = document.getElementById("quick");
const status = document.getElementById("status");
const told = new Set(); // ids of the messages that the feed has told
export let last = 0; // id that the feed has told
let thinking = false;
let offline = false;

export function show(look) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  for (const said of look.said) {
    if (!told.has(said.id)) tell(said);
  }
  thinking = look.thinking;
  showStatus();
  if (atEnd) toEnd();
}

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
  log.scrollTop = log.scrollHeight;
}

// A message that is written here, at the end of the talk.
export function append(message) {
  message.bubble = newBubble({ author: "contact", text: message.text });
  log.append(message.bubble);
  if (quick) quick.hidden = true;
  written.push(message);
  toEnd();
}

function tell(said) {
  told.add(said.id);
  last = Math.max(last, said.id);
  if (quick) quick.hidden = true;
  const bubble = (said.author === "contact" && ownBubble(said.text)) || newBubble(said);
  const note = make("p", "note");
  note.append(moment(said.at));
  bubble.querySelector(".note").replaceWith(note);
  bubble.dataset.id = said.id;
  const later = [...log.querySelectorAll("[data-id]")].find((other) => Number(other.dataset.id) > said.id);
  log.insertBefore(bubble, later ?? written[0]?.bubble ?? null);
}

// The bubble of the message as it was written here; the feed does not know the browser's ids.
function ownBubble(content) {
  const place = written.findIndex((message) => message.text === content);
  return place < 0 ? null : written.splice(place, 1)[0].bubble;
}

function newBubble({ author, text, choices = [] }) {
  const mine = author === "contact";
  const bubble = make("div", mine ? "said mine" : "said");
  const paragraph = make("p", "text");
  paragraph.dir = "auto";
  paragraph.append(make("span", "aside", `${mine ? words.you : words.name}: `), ...linked(text));
  bubble.append(paragraph);
  if (choices.length) bubble.append(choiceButtons(choices));
  bubble.append(make("p", "note"));
  return bubble;
}

function choiceButtons(choices) {
  const cards = choices.some((choice) => choice.description);
  const group = make("div", cards ? "choices cards" : "choices");
  for (const { id, title, description } of choices) {
    const button = make("button");
    button.type = "button";
    button.append(make(cards ? "strong" : "span", "", title));
    if (description) button.append(" ", make("span", "", description));
    button.addEventListener("click", () => {
      log.dispatchEvent(new CustomEvent("pressed", { detail: { id, title } }));
    });
    group.append(button);
  }
  return group;
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
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const time = make("time");
  time.dateTime = at;
  time.textContent = date.toLocaleString(document.documentElement.lang, {
    ...(today ? {} : { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return time;
}
