// Keeps an open page as it is on the server: hears bells, asks for the page again, and patches what is marked.

import { bring, patch } from "./patch.js";
import { begin as beginForms } from "./forms.js";

const { login, tenant } = document.body.dataset;
const channelName = `bells ${login} ${tenant ?? ""}`;
const MINUTE = 60_000;
const SILENT_FOR = 5_000; // milliseconds without a line until it is said

let asking = false;
let again = ""; // of which kind
let heldBack = false;
let ended = false;

// What is the matter with the connection; "" for nothing.
export function say(what) {
  const bar = document.getElementById("matter");
  if (!bar) return;
  bar.hidden = !what;
  if (what) bar.querySelector("span").textContent = bar.dataset[what];
  bar.querySelector("a").hidden = what !== "over";
}

export async function refresh(kind = "bell") {
  if (ended) return;
  if (asking) {
    again = again === "form" ? again : kind;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { "x-live": kind }, redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) end();
    else if (!answer.ok) say("failed");
    else {
      show(new DOMParser().parseFromString(await answer.text(), "text/html"), kind);
      say("");
    }
  } catch {
    say("offline");
  } finally {
    asking = false;
  }
  const kindAgain = again;
  again = "";
  if (kindAgain) await refresh(kindAgain);
}

function show(next, kind) {
  heldBack = patch(next, kind === "let-go");
  if (kind === "form") bring(document.getElementById("flashes"), next.getElementById("flashes"));
}

// The sign-in is over: what is on the page stays to be read.
function end() {
  ended = true;
  say("over");
}

function rung() {
  if (document.hidden) again ||= "bell";
  else refresh();
}

function listen(tell) {
  const source = new EventSource(tenant ? `/bells?t=${encodeURIComponent(tenant)}` : "/bells");
  let silent;
  source.addEventListener("message", () => tell("bell"));
  source.addEventListener("over", () => {
    source.close();
    tell("over");
  });
  source.addEventListener("open", () => {
    clearTimeout(silent);
    tell("bell"); // what happened until now was not heard
  });
  source.addEventListener("error", () => {
    clearTimeout(silent);
    silent = setTimeout(() => tell(source.readyState === EventSource.CLOSED ? "bell" : "silent"), SILENT_FOR);
  });
  return source;
}

function hear(what) {
  if (what === "bell") rung();
  else if (what === "over") end();
  else say("offline");
}

// One tab of a browser listens and tells the others: a browser has few lines to one host.
function share() {
  const channel = new BroadcastChannel(channelName);
  channel.addEventListener("message", ({ data }) => hear(data));
  navigator.locks.request(channelName, () => {
    listen((what) => {
      channel.postMessage(what);
      hear(what);
    });
    return new Promise(() => {}); // until this tab is closed
  });
}

// Where there are no locks each tab listens for itself, while it is seen.
function listenWhileSeen() {
  let source = document.hidden ? null : listen(hear);
  document.addEventListener("visibilitychange", () => {
    source?.close();
    source = document.hidden ? null : listen(hear);
  });
}

if (document.querySelector("[data-patch]")) {
  if (navigator.locks && window.BroadcastChannel) share();
  else listenWhileSeen();
  setInterval(() => document.hidden || refresh(), MINUTE); // how long ago something was
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && again) {
      again = "";
      refresh();
    }
  });
  for (const kind of ["pointerout", "focusout"]) {
    document.addEventListener(kind, () => heldBack && setTimeout(() => heldBack && refresh(), 1000));
  }
  document.addEventListener("let-go", () => refresh("let-go"));
}
addEventListener("offline", () => say("offline"));
addEventListener("online", () => refresh());
beginForms({ login, refresh, say });
