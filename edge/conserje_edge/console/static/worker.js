// Shows that somebody waits, though no page is open; and where there is no connection, a page without data.
// `version` stands before this line.

const KEPT = `offline ${version}`;
const OFFLINE = "/offline";

async function keep() {
  const kept = await caches.open(KEPT);
  const answer = await fetch(OFFLINE, { cache: "no-store", headers: { "x-live": "kept" } }); // no sentence that waits for a page
  const page = await answer.clone().text();
  await kept.addAll([...page.matchAll(/"(\/static\/[^"]+)"/g)].map((found) => found[1]));
  await kept.put(OFFLINE, answer);
}

async function dropFormer() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keep());
});
addEventListener("activate", (event) => event.waitUntil(dropFormer()));

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  else if (request.destination === "style") event.respondWith(kept(request));
});

async function kept(request) {
  return (await caches.match(request)) ?? fetch(request);
}

addEventListener("push", (event) => event.waitUntil(show(event.data.json())));

function show({ title, body, tag, url }) {
  return registration.showNotification(title, { body, tag, renotify: true, icon: "/static/now/icon-192.png", data: url });
}

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

// A page that is there already is brought to the front, and nothing that is typed elsewhere is left.
async function open(url) {
  const pages = await clients.matchAll({ type: "window" });
  const there = pages.find((page) => new URL(page.url).pathname === url);
  return there ? there.focus() : clients.openWindow(url);
}

// The browser's service gave it another address.
addEventListener("pushsubscriptionchange", (event) => event.waitUntil(move(event.oldSubscription)));

async function move(former) {
  if (!former) return;
  const subscription = await registration.pushManager.subscribe(former.options);
  await fetch("/me/device", { method: "POST", body: new URLSearchParams({ subscription: JSON.stringify(subscription) }) });
}
