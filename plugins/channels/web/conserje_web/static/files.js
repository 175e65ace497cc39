// Files that the visitor chooses, drops, pastes, or records.

import { sendFile } from "/outbox.js";
import { words } from "/talk.js";

const LARGEST = 16 * 2 ** 20; // bytes
const LONGEST = 300; // seconds of a recording
const RECORDED = { "audio/webm;codecs=opus": "webm", "audio/mp4": "m4a", "audio/ogg;codecs=opus": "ogg" };

const chosen = document.getElementById("file");
const recorder = document.getElementById("record");

document.getElementById("attach").addEventListener("click", () => chosen.click());
chosen.addEventListener("change", () => {
  offer(chosen.files);
  chosen.value = "";
});

document.addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  if (!files.length) return;
  event.preventDefault();
  offer(files);
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
    if (kind === "drop") offer(event.dataTransfer.files);
  });
}

function offer(files) {
  for (const file of files) sendFile(file, file.size > LARGEST ? "large" : "");
}

// ---- a voice

const type = Object.keys(RECORDED).find((each) => window.MediaRecorder?.isTypeSupported(each));
recorder.hidden = !type || !navigator.mediaDevices;
let recording = null;

recorder.addEventListener("click", () => (recording ? recording.stop() : record()));
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !recording) return;
  event.stopImmediatePropagation(); // the page stays open
  recording.ondataavailable = null;
  recording.stop();
});

async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null);
  if (!stream || recording) return;
  recording = new MediaRecorder(stream, { mimeType: type });
  recording.ondataavailable = ({ data }) => {
    if (data.size) offer([new File([data], `audio.${RECORDED[type]}`, { type })]);
  };
  const end = setTimeout(() => recording.stop(), LONGEST * 1000);
  recording.onstop = () => {
    clearTimeout(end);
    stream.getTracks().forEach((track) => track.stop());
    recording = null;
    showRecording();
  };
  recording.start();
  showRecording();
}

function showRecording() {
  recorder.setAttribute("aria-pressed", String(Boolean(recording)));
  recorder.title = recorder.ariaLabel = recording ? words.recording : words.record;
}
