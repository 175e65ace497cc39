// The chat page: sends what the visitor writes, each message once, and shows what the feed has.

const WAITS = [1, 2, 4, 8]; // seconds between the attempts to send
const LONGEST_WAIT = 60; // seconds until a stream that was refused is asked for again
const TIME_LIMIT = 15000; // milliseconds for an answer
const LEFT = "The place in the queue is not needed.";

const words = JSON.parse(document.body.dataset.words);
const log = document.getElementById("log");
const quick = document.getElementById("quick");
const thinking = document.getElementById("thinking");
const form = document.querySelector("form");
const text = document.getElementById("text");
const framed = window.parent !== window;

// ---- what is said

const told = new Set(); // ids of the messages that the feed has told
const written = []; // messages of this page that it has not told yet, oldest first
let last = 0;

function show(look) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  for (const said of look.said) {
    if (!told.has(said.id)) tell(said);
  }
  thinking.textContent = look.thinking ? words.thinking : "";
  if (atEnd) log.scrollTop = log.scrollHeight;
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
    button.addEventListener("click", () => send({ pressed: { id, title } }, title));
    group.append(button);
  }
  return group;
}

function make(name, className = "", content = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = content;
  return element;
}

function linked(content) {
  const pieces = content.split(/(https:\/\/[^\s<>"]*[^\s<>".,;:!?)'\]])/);
  return pieces.map((piece, index) => (index % 2 ? newTab(piece, piece) : piece));
}

function newTab(address, content) {
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

// ---- sending

const outbox = []; // messages that the server has not acknowledged, oldest first
let sending = false;
let hasSession = false;

function send(content, text) {
  const message = { body: { id: crypto.randomUUID(), ...content }, text };
  message.bubble = newBubble({ author: "contact", text });
  log.append(message.bubble);
  log.scrollTop = log.scrollHeight;
  if (quick) quick.hidden = true;
  written.push(message);
  outbox.push(message);
  note(message, "sending");
  empty();
}

async function empty() {
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
    note(message, trouble);
    if (trouble) written.splice(written.indexOf(message), 1); // the feed will never have it
    listen();
  }
  sending = false;
}

// Nothing when the message is taken, else the name of the words that say why it is not.
async function deliver(message) {
  for (let attempt = 0, opened = 0; ; ) {
    const opens = !hasSession;
    const status = await (opens ? post("/session") : post("/bot/web/webhook", message.body));
    if (status >= 200 && status < 300) {
      if (!opens) return "";
      hasSession = true;
      opened += 1;
      if (listening) takeOver(); // whoever listens does so to the former session
    } else if (status === 403 && !opens && opened < 2) {
      hasSession = false; // it is over, or the browser did not keep its cookie
    } else if (status === 403) {
      return "no_cookie";
    } else if (status === 429) {
      return "too_many";
    } else if (status === 400 || status === 413) {
      return "refused";
    } else if (attempt === WAITS.length || (status && status < 500)) {
      return "unsent";
    } else {
      await new Promise((resolve) => setTimeout(resolve, WAITS[attempt] * 1000));
      attempt += 1;
    }
  }
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

// ---- listening: a browser has few connections to a host, so one tab listens and tells the others

const tabs = new BroadcastChannel("conserje");
let source = null;
let listening = false;
let canTakeTurns = Boolean(navigator.locks);
let place = null; // in the queue of the tabs
let wait = 1; // seconds
let timer = 0;

tabs.onmessage = ({ data }) => {
  show(data);
  listen();
};

function listen() {
  if (listening) return;
  listening = true;
  if (canTakeTurns) queue();
  else follow();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !source) takeOver();
    else if (document.hidden && !canTakeTurns) leave();
  });
}

function queue() {
  place = new AbortController();
  take({ signal: place.signal });
}

// The tab that is looked at need not wait for one that the browser may have put to sleep.
function takeOver() {
  if (source || !canTakeTurns) return follow();
  place.abort(LEFT);
  take({ steal: true });
}

function take(options) {
  const turn = navigator.locks.request("conserje", options, () => {
    follow();
    return new Promise(() => {});
  });
  turn.catch((cause) => {
    if (cause === LEFT) return;
    leave();
    if (cause.name === "AbortError") {
      queue(); // another took over
    } else {
      canTakeTurns = false; // browsers may deny it to a frame on another site
      follow();
    }
  });
}

function follow() {
  leave();
  source = new EventSource(`/stream?after=${last}`);
  source.onmessage = ({ data }) => {
    wait = 1;
    const look = JSON.parse(data);
    show(look);
    tabs.postMessage(look);
  };
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // it comes again by itself
    timer = setTimeout(follow, wait * 1000);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
}

function leave() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

// ---- the page

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

quick?.addEventListener("click", ({ target }) => {
  const answer = target.closest("button")?.textContent;
  if (answer) send({ text: answer }, answer);
  text.focus();
});

addEventListener("online", empty);

if (framed) {
  document.body.classList.add("framed");
  let site = null; // the origin of the page around this one
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== window.parent || data?.conserje !== "opened") return;
    site = origin;
    text.focus();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && site) window.parent.postMessage({ conserje: "close" }, site);
  });
} else if (matchMedia("(pointer: fine)").matches) {
  text.focus(); // on a phone the keyboard would cover the page
}

const history = await fetch("/history").catch(() => null);
if (history?.status === 200) {
  hasSession = true;
  show(await history.json());
  log.scrollTop = log.scrollHeight;
  listen();
}
