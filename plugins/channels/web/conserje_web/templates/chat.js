// A button on a tenant's own site that opens the tenant's chat page in a frame.
(() => {
  const chat = {{ chat|tojson }};
  const origin = new URL(document.currentScript.src).origin;

  if (!chat.origins.includes(location.origin)) {
    console.warn(`The chat of ${origin} is not shown: its setting "origins" does not name ${location.origin}.`);
    return;
  }

  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial; color-scheme: light dark; }
    button {
      position: fixed; right: 20px; bottom: 20px; z-index: 2147483001;
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
      position: fixed; right: 20px; bottom: 96px; z-index: 2147483000;
      width: 384px; height: min(640px, 100vh - 116px); border: 0; border-radius: 16px;
      background: Canvas; box-shadow: 0 8px 40px #0006;
    }
    [hidden] { display: none; }
    @media (max-width: 480px) {
      iframe { inset: 0; width: 100%; height: 100%; border-radius: 0; }
      button[aria-expanded="true"] { top: 12px; right: 12px; bottom: auto; width: 44px; height: 44px; box-shadow: none; }
    }
    @media print { :host { display: none; } }
  `);

  const SPEECH = "M4 5h16v11H9l-5 4z";
  const CROSS = "M6 6l12 12M18 6L6 18";
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

  function greet() {
    frame.focus();
    frame.contentWindow.postMessage({ conserje: "opened" }, origin);
  }

  function open() {
    if (frame) {
      show(true);
      greet();
      return;
    }
    frame = document.createElement("iframe");
    frame.title = chat.title;
    frame.addEventListener("load", greet);
    frame.src = `${origin}/`;
    button.before(frame);
    show(true);
  }

  function close() {
    show(false);
    frame.contentWindow.postMessage({ conserje: "closed" }, origin);
    button.focus();
  }

  const isOpen = () => frame && !frame.hidden;

  button.addEventListener("click", () => (isOpen() ? close() : open()));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) close();
  });
  addEventListener("message", (event) => {
    const ours = frame && event.source === frame.contentWindow && event.origin === origin;
    if (ours && event.data?.conserje === "unread") count(Number(event.data.count));
    if (ours && event.data?.conserje === "close" && isOpen()) close();
  });

  function place() {
    const host = document.createElement("conserje-chat");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.append(button);
    document.body.append(host);
  }

  show(false);
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
})();
