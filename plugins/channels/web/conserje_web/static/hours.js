// The hours: what the page says of them changes with them, also where it stays open.

const AGAIN = 60_000; // ms, where the page cannot be had
const LONGEST = 86_400_000; // ms: a browser's timer of more than 24 days goes off at once

let due = Infinity;
let timer;

async function renew() {
  const answer = await fetch("/", { cache: "no-cache" }).catch(() => null);
  if (!answer?.ok) return wait(AGAIN);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["hours", "closed"]) {
    const [before, now] = [document, fresh].map((page) => page.getElementById(id));
    if (before && now) before.replaceWith(now);
    else if (before) before.hidden = true; // there is nothing to say any more
  }
  waitForChange();
}

function waitForChange() {
  const seconds = Number(document.getElementById("hours")?.dataset.changes);
  if (seconds) wait(seconds * 1000);
}

function wait(ms) {
  clearTimeout(timer);
  const rest = Math.min(ms, LONGEST);
  due = Date.now() + rest;
  timer = setTimeout(renew, rest);
}

// A machine that slept has missed its time.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() >= due) wait(0);
});

waitForChange();
