// What came while nobody looked: counted in the title, told to the page around this one, and heard.

export const framed = window.parent !== window;

const title = document.title;
const TONES = [660, 880]; // Hz
const LOUDNESS = 0.05;
let unread = 0;
let isOpen = true; // within the page around this one
let site = null; // the origin of that page
let sound = null;

export function isInView() {
  return isOpen && !document.hidden;
}

export function arrived(count, aloud) {
  if (!count || isInView()) return;
  tell(unread + count);
  if (aloud) ring();
}

export function clear() {
  if (unread) tell(0);
}

function tell(count) {
  unread = count;
  document.title = count ? `(${count}) ${title}` : title;
  if (site) window.parent.postMessage({ conserje: "unread", count }, site);
}

// Browsers let a page be heard once its visitor has done something in it, as who writes has.
export function mayRing() {
  sound ??= new AudioContext();
}

function ring() {
  if (sound?.state !== "running") return;
  const volume = new GainNode(sound, { gain: LOUDNESS });
  volume.connect(sound.destination);
  TONES.forEach((frequency, place) => {
    const tone = new OscillatorNode(sound, { frequency });
    tone.connect(volume);
    tone.start(sound.currentTime + place * 0.12);
    tone.stop(sound.currentTime + place * 0.12 + 0.1);
  });
}

export function opened(origin) {
  site = origin;
  isOpen = true;
  clear();
}

export function closed() {
  isOpen = false;
}

export function askToClose() {
  if (site) window.parent.postMessage({ conserje: "close" }, site);
}
