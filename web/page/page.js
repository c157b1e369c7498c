// What the page's controls do.

import { Drawing } from "./drawing.js";
import { Tracker } from "./tracker.js";

const part = (id) => document.getElementById(id);
const video = part("video");
const drawing = new Drawing(part("canvas"));
const SLIDERS = ["birth_score", "keep_score", "reid_score"];
let tracker;
let rows = []; // of tracks.txt
let frame = 0;
let running = 0; // which run is the present one; others stop

async function loaded() {
  if (tracker) return tracker;
  say("Loading the tracker …");
  if (navigator.gpu && (await navigator.gpu.requestAdapter())) {
    try {
      tracker = await Tracker.load("webgpu");
    } catch (error) {
      console.warn("WebGPU refuses the tracker", error);
    }
  }
  tracker ??= await Tracker.load("wasm");
  for (const name of SLIDERS) tracker.set(name, Number(part(name).value));
  return tracker;
}

function say(text) {
  part("status").textContent = text;
}

function begin() {
  tracker.reset();
  drawing.reset();
  rows = [];
  frame = 0;
  part("download").disabled = false;
  return ++running;
}

/** Track the picture that the video shows now. */
async function step() {
  const image = drawing.paint(video, video.videoWidth, video.videoHeight);
  const start = performance.now();
  const objects = await tracker.update(image);
  const milliseconds = performance.now() - start;
  drawing.draw(objects);
  frame += 1;
  for (const { id, score, box: [left, top, right, bottom] } of objects) {
    // MOTChallenge counts frames and pixels from 1.
    const sides = [left + 1, top + 1, right - left, bottom - top].map((side) => side.toFixed(2));
    rows.push(`${frame},${id},${sides},${score.toFixed(4)},-1,-1,-1`);
  }
  const rate = (1000 / milliseconds).toFixed(1);
  say(`frame ${frame} · ${objects.length} objects · ${rate} frames/s · ${tracker.provider}`);
  return objects;
}

const next = () =>
  new Promise((resolve) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });

/** Track what plays, as it plays: a slow machine skips frames. */
async function follow() {
  await loaded();
  const mine = begin();
  await video.play();
  while (mine === running && !video.ended) {
    if (!video.paused) await step();
    await Promise.race([next(), new Promise((resolve) => setTimeout(resolve, 500))]);
  }
}

async function show(source) {
  running++;
  video.srcObject = null;
  if (source instanceof MediaStream) video.srcObject = source;
  else video.src = source instanceof Blob ? URL.createObjectURL(source) : source;
  await new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error("the browser cannot play this video"));
  });
  part("stage").hidden = false;
}

/** Run an action and say what went wrong, if anything did. */
function guarded(action) {
  return async (event) => {
    try {
      await action(event);
    } catch (error) {
      say(`Cannot go on: ${error.message}`);
    }
  };
}

/** Every frame of the bundled clip, one after the other: for tests. */
window.trackClip = async (count) => {
  await loaded();
  await show("pedestrians.mp4");
  begin();
  const ids = [];
  for (let index = 0; index < count; index++) {
    const seeked = new Promise((resolve) => (video.onseeked = resolve));
    video.currentTime = (index + 0.5) / tracker.about.clip_rate;
    await seeked;
    ids.push((await step()).map(({ id }) => id));
  }
  return ids;
};

part("demo").onclick = guarded(async () => {
  await show("pedestrians.mp4");
  await follow();
});
part("camera").onclick = guarded(async () => {
  await show(await navigator.mediaDevices.getUserMedia({ video: true }));
  await follow();
});
part("file").onchange = guarded(async ({ target }) => {
  if (!target.files[0]) return;
  await show(target.files[0]);
  await follow();
});
document.ondragover = (event) => event.preventDefault();
document.ondrop = guarded(async (event) => {
  event.preventDefault();
  if (!event.dataTransfer.files[0]) return;
  await show(event.dataTransfer.files[0]);
  await follow();
});
part("pause").onclick = () => (video.paused ? video.play() : video.pause());
part("download").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([rows.map((row) => `${row}\n`).join("")]));
  link.download = "tracks.txt";
  link.click();
};

const about = await (await fetch("tracker.json")).json();
for (const name of SLIDERS) {
  const slider = part(name);
  slider.value = about.tracker[name];
  slider.oninput = () => {
    part(`${name}_value`).textContent = Number(slider.value).toFixed(2);
    tracker?.set(name, Number(slider.value));
  };
  slider.oninput();
}
say("Ready. Nothing leaves this machine.");
