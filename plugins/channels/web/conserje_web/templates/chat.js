// A button on a tenant's own site that opens the tenant's chat page in a frame.
(() => {
  const chat = {{ chat|tojson }};
  const { src, dataset } = document.currentScript;
  const origin = new URL(src).origin;

  if (!chat.origins.includes(location.origin)) {
    console.warn(`The chat of ${origin} is not shown: its setting "origins" does not name ${location.origin}.`);
    return;
  }

  const side = dataset.side === "left" ? "left" : "right";
  const [aside = 20, below = 20] = (dataset.offset ?? "").split(/[\s,]+/).filter(Boolean).map(pixels);

  function pixels(written) {
    const count = Number.parseInt(written, 10);
    return Number.isNaN(count) ? 20 : Math.min(Math.max(count, 0), 400);
  }

  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial; color-scheme: light dark; }
    button {
      position: fixed; ${side}: ${aside}px; bottom: ${below}px; z-index: 2147483001;
      width: 60px; height: 60px; padding: 0; border: 0; border-radius: 50%;
      display: grid; place-items: center; cursor: pointer;
      background: ${chat.brand}; color: ${chat.onBrand}; box-shadow: 0 4px 16px #0006;
    }
    button:focus-visible { outline: 3px solid ${chat.onBrand}; outline-offset: -6px; }
    b {
      position: absolute; top: -4px; right: -4px; min-width: 22px; padding: 0 5px; border-radius: 11px;
      font: 700 13px/22px system-ui, sans-serif; background: #b3261e; color: #fff;
    }
    svg { width: 28px; height: 28px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    iframe {
      position: fixed; ${side}: ${aside}px; bottom: ${below + 76}px; z-index: 2147483000;
      width: min(384px, 100vw - ${2 * aside}px); height: min(640px, 100vh - ${below + 96}px);
      border: 0; border-radius: 16px; background: Canvas; box-shadow: 0 8px 40px #0006;
    }
    [hidden] { display: none; }
    @media (max-width: 480px) {
      iframe { inset: 0; width: 100%; height: 100%; border-radius: 0; }
      button[aria-expanded="true"] { inset: 12px 12px auto auto; width: 44px; height: 44px; box-shadow: none; }
    }
    @media print { :host { display: none; } }
  `);

  const SPEECH = "M4 5h16v11H9l-5 4z";
  const CROSS = "M6 6l12 12M18 6L6 18";
  const KEPT = `conserje ${origin}`; // on the site's next page it is open again
  const button = document.createElement("button");
  button.type = "button";
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const line = drawing.appendChild(document.createElementNS(drawing.namespaceURI, "path"));
  button.append(drawing);
  const badge = document.createElement("b");
  badge.hidden = true;
  button.append(badge);
  let frame = null;
  let loaded = false;
  let identity = null;

  function show(open) {
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", open ? chat.close : chat.open);
    line.setAttribute("d", open ? CROSS : SPEECH);
    if (frame) frame.hidden = !open;
  }

  function count(unread) {
    badge.hidden = !unread;
    badge.textContent = unread || "";
    button.setAttribute("aria-label", unread ? `${chat.open} (${unread})` : isOpen() ? chat.close : chat.open);
  }

  function tell(message) {
    if (loaded) frame.contentWindow.postMessage(message, origin);
  }

  function greet(focus) {
    if (focus) frame.focus();
    tell({ conserje: "opened", focus });
    if (identity) tell({ conserje: "identity", ...identity });
  }

  function open({ focus = true } = {}) {
    keep(true);
    if (frame) {
      show(true);
      greet(focus);
      return;
    }
    frame = document.createElement("iframe");
    frame.title = chat.title;
    frame.allow = "microphone";
    frame.addEventListener("load", () => {
      loaded = true;
      greet(focus);
      if (!isOpen()) tell({ conserje: "closed" });
    });
    frame.src = `${origin}/`;
    button.before(frame);
    show(true);
  }

  function close() {
    keep(false);
    show(false);
    tell({ conserje: "closed" });
    button.focus();
  }

  const isOpen = () => frame && !frame.hidden;

  function keep(open) {
    try {
      if (open) sessionStorage.setItem(KEPT, "open");
      else sessionStorage.removeItem(KEPT);
    } catch {
      // a site that may keep nothing
    }
  }

  function wasOpen() {
    try {
      return sessionStorage.getItem(KEPT) === "open";
    } catch {
      return false;
    }
  }

  button.addEventListener("click", () => (isOpen() ? close() : open()));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) close();
  });
  addEventListener("message", (event) => {
    const ours = frame && event.source === frame.contentWindow && event.origin === origin;
    if (ours && event.data?.conserje === "unread") count(Number(event.data.count));
    if (ours && event.data?.conserje === "close" && isOpen()) close();
  });

  function asText(given) {
    return String(given ?? "");
  }

  let isPlaced = false;
  let wanted = false; // before there was a page to open it in

  function place() {
    const host = document.createElement("conserje-chat");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.append(button);
    document.body.append(host);
    isPlaced = true;
    // On a phone it would lie over the page that was just opened.
    if (wanted) open();
    else if (wasOpen() && !matchMedia("(max-width: 480px)").matches) open({ focus: false });
  }

  // For the site's own buttons.
  window.Conserje ??= Object.freeze({
    open() {
      if (isPlaced) open();
      else wanted = true;
    },
    close() {
      wanted = false;
      if (isOpen()) close();
    },
    identify({ name, phone, hash } = {}) {
      identity = { name: asText(name), phone: asText(phone), hash: asText(hash) };
      tell({ conserje: "identity", ...identity });
    },
  });
  dispatchEvent(new Event("conserje"));

  show(false);
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
})();
