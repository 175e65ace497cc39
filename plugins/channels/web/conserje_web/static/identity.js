// Who the visitor is, as the site around this page says: told once they have written.

import { isKnown, whenTaken } from "/outbox.js";

const TOLD = "conserje-identity"; // what this tab has told already
let said = null;

export function identify({ name, phone, hash }) {
  said = JSON.stringify({ name: asText(name), phone: asText(phone), hash: asText(hash) });
  tellIdentity();
}

function asText(given) {
  return String(given ?? "");
}

export async function tellIdentity() {
  if (!said || !isKnown() || said === before()) return;
  const body = said;
  said = null;
  const how = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  const answer = await fetch("/identify", how).catch(() => null);
  const isLater = !answer || answer.status === 409 || answer.status === 429 || answer.status >= 500;
  if (isLater) said ??= body; // with what is written next
  else remember(body);
}

function before() {
  try {
    return sessionStorage.getItem(TOLD);
  } catch {
    return null; // a browser that keeps nothing for frames
  }
}

function remember(body) {
  try {
    sessionStorage.setItem(TOLD, body);
  } catch {
    // as above
  }
}

whenTaken(tellIdentity);
