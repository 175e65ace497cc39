// Lets this browser show its login that somebody waits, though no page is open, for as long as they are signed in.

const { login, signIn } = document.body.dataset;
const CHOSEN = `told ${login}`; // for which sign-in it was done last: it is this login's choice, and ends when it signs out
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

async function post(path, fields = {}) {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), redirect: "error" });
  if (answer.status === 404) localStorage.removeItem(CHOSEN); // they answer nobody any more
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

async function tell() {
  const { pushManager } = await navigator.serviceWorker.ready;
  const { key } = await (await post("/me/device/key")).json();
  const wanted = { userVisibleOnly: true, applicationServerKey: key };
  let subscription;
  try {
    subscription = await pushManager.subscribe(wanted);
  } catch (error) {
    if (error.name !== "InvalidStateError") throw error;
    await (await pushManager.getSubscription()).unsubscribe(); // it was made for another key
    subscription = await pushManager.subscribe(wanted);
  }
  await post("/me/device", { subscription: JSON.stringify(subscription) });
  localStorage.setItem(CHOSEN, signIn);
}

async function begin(button) {
  const said = document.getElementById("device-told");
  button.disabled = true;
  try {
    if ((await Notification.requestPermission()) !== "granted") said.textContent = button.dataset.denied;
    else {
      await tell();
      location.reload();
    }
  } catch {
    said.textContent = button.dataset.failed;
  } finally {
    button.disabled = false;
  }
}

function offer() {
  const button = document.querySelector("button[data-device]");
  if (!button) return;
  if (!able) document.getElementById("device-told").textContent = button.dataset.unable;
  button.hidden = !able;
  button.addEventListener("click", () => begin(button));
}

// Whoever chose it is told after the next sign-in, too.
function resume() {
  const chosen = localStorage.getItem(CHOSEN);
  if (able && chosen && chosen !== signIn && Notification.permission === "granted") tell().catch(() => {}); // the next page tries again
}

navigator.serviceWorker?.register("/worker.js");
document.querySelector("form[action='/me/device/end']")?.addEventListener("submit", () => localStorage.removeItem(CHOSEN));
offer();
resume();
