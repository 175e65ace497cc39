// Listens to the feed: a browser has few connections to a host, so one tab listens and tells the others.

import { clear, isInView } from "/attention.js";
import { last, show, showOffline } from "/talk.js";

const LONGEST_WAIT = 60; // seconds until a stream that was refused is asked for again
const SEEN_AFTER = 1000; // milliseconds, in which more may come
const LEFT = "The place in the queue is not needed.";

const tabs = new BroadcastChannel("conserje");
let source = null;
let listening = false;
let canTakeTurns = Boolean(navigator.locks);
let place = null; // in the queue of the tabs
let wait = 1; // seconds
let timer = 0;
let opened = () => {};

// What to do when the server is there again.
export function whenOpen(callback) {
  opened = callback;
}

tabs.onmessage = ({ data }) => {
  if (data === "seen") return clear();
  show(data);
  listen();
};

// ---- what the visitor has, and has read

let reported = "";
let reporting = 0;

export function look() {
  if (!isInView()) return;
  clear();
  tabs.postMessage("seen");
  reportSoon();
}

function reportSoon() {
  clearTimeout(reporting);
  reporting = setTimeout(report, SEEN_AFTER);
}

function report() {
  const seen = JSON.stringify({ id: last, read: isInView() });
  if (!listening || seen === reported) return;
  reported = seen;
  const how = { method: "POST", headers: { "Content-Type": "application/json" }, body: seen, keepalive: true };
  fetch("/seen", how).catch(() => (reported = ""));
}

// ---- the stream

export function listen() {
  if (listening) return;
  listening = true;
  if (canTakeTurns) queue();
  else follow();
  document.addEventListener("visibilitychange", () => {
    look();
    if (!document.hidden && !source) takeOver();
    else if (document.hidden && !canTakeTurns) leave();
  });
}

function queue() {
  place = new AbortController();
  take({ signal: place.signal });
}

// The session is another: what the stream has belongs to the former.
export function listenAnew() {
  if (listening) takeOver();
}

// The server has just answered: a stream that it refused is not waited for any longer.
export function listenAgain() {
  if (source?.readyState === EventSource.CLOSED) follow();
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
  source.onopen = () => {
    showOffline(false);
    opened();
  };
  source.onmessage = ({ data }) => {
    wait = 1;
    const news = JSON.parse(data);
    show(news, { aloud: true });
    reportSoon();
    tabs.postMessage(news);
  };
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return showOffline(true); // it comes again by itself
    timer = setTimeout(follow, wait * 1000);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  };
}

function leave() {
  clearTimeout(timer);
  source?.close();
  source = null;
}
