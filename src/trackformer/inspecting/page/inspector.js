"use strict";
// The whole state is: which frame, which identity, and the corrections. Everything drawn follows.
const data = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const LANE = 16, LEFT = 46;
const state = { frame: 0, chosen: null, run: 0, playing: null, joining: false };
const corrections = data.corrections;
const numFrames = Math.max(...data.runs.map((run) => run.frames.length));

function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
}

function colour(id) {
  return `hsl(${Math.round((id * 0.618034 % 1) * 360)} 85% 52%)`;
}

function byScore(score) {
  // From red over yellow to green, as sure as it is.
  return `hsl(${Math.round(130 * Math.max(0, Math.min(1, (score - 0.2) / 0.7)))} 65% 45%)`;
}

// Corrections apply to the first run, one after the other, as `data convert` applies them.
function correctedRows(rows, frame) {
  let found = rows.map((row) => row.slice());
  for (const each of corrections) {
    if (each.do === "delete") found = found.filter((row) => row[0] !== each.track);
    if (each.do === "split" && frame >= each.frame_index)
      found.forEach((row) => { if (row[0] === each.track) row[0] = each.new; });
    if (each.do === "join") {
      if (found.some((row) => row[0] === each.track))
        found = found.filter((row) => row[0] !== each.other);
      else found.forEach((row) => { if (row[0] === each.other) row[0] = each.track; });
    }
  }
  return found;
}

function shownFrames(run) {
  if (run !== 0) return data.runs[run].frames;
  return data.runs[0].frames.map(correctedRows);
}

let shown = [];
function refresh() {
  shown = data.runs.map((_, run) => shownFrames(run));
  drawTimelines();
  listCorrections();
  draw();
}

function lanes(run) {
  const found = new Map();
  shown[run].forEach((rows, frame) => rows.forEach((row) => {
    if (!found.has(row[0])) found.set(row[0], []);
    found.get(row[0]).push([frame, row[5]]);
  }));
  return [...found.entries()].sort((one, other) => one[0] - other[0]);
}

// Timelines: one lane per identity. Built once a correction, moved by the line of the frame.
function drawTimelines() {
  part("timelines").replaceChildren();
  data.runs.forEach((run, index) => {
    const box = document.createElement("div");
    box.className = "timeline";
    const all = lanes(index);
    const width = 1000, scale = (width - LEFT - 6) / Math.max(1, numFrames);
    const height = LANE * all.length + 18;
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}` });
    const at = (frame) => LEFT + frame * scale;
    all.forEach(([id, seen], lane) => {
      const y = lane * LANE;
      const group = element("g", { class: "lane", "data-id": id, "data-run": index }, svg);
      element("rect", { class: "back", x: 0, y, width, height: LANE }, group);
      element("text", { x: 4, y: y + 12 }, group).textContent = `#${id}`;
      for (const [frame, score] of seen)
        element("rect", { x: at(frame), y: y + 4, width: Math.max(0.6, scale), height: LANE - 8, fill: byScore(score) }, group);
      for (const [from, to] of gaps(seen))
        element("line", { class: "lost", x1: at(from + 1), x2: at(to), y1: y + LANE / 2, y2: y + LANE / 2 }, group);
      const start = seen[0][0], end = run.ends[id];
      if (start > 0) element("circle", { class: "birth", cx: at(start), cy: y + LANE / 2, r: 3 }, group);
      if (end !== undefined) {
        const last = seen[seen.length - 1][0];
        element("line", { class: "lost", x1: at(last + 1), x2: at(end), y1: y + LANE / 2, y2: y + LANE / 2 }, group);
        element("line", { class: "end", x1: at(end), x2: at(end), y1: y + 3, y2: y + LANE - 3 }, group);
      }
      const mark = (kind, frame) => element("path", { class: kind, d: `M${at(frame)} ${y + 6}l-4 -6h8z` }, group);
      run.moments.slice(0, 20).forEach((each) => { if (each.ids[0] === id) mark("moment", each.frame); });
      run.switches.forEach((each) => { if (each.ids.includes(id)) mark("switch", each.frame); });
    });
    for (let frame = 0; frame < numFrames; frame += tick())
      element("text", { x: at(frame), y: height - 4 }, svg).textContent = frame;
    element("line", { class: "now", y1: 0, y2: height }, svg);
    svg.addEventListener("click", (event) => {
      const place = (event.clientX - svg.getBoundingClientRect().left) * width / svg.getBoundingClientRect().width;
      const lane = event.target.closest(".lane");
      go(Math.round((place - LEFT - scale / 2) / scale), lane ? Number(lane.dataset.id) : state.chosen, index);
    });
    box.append(svg);
    part("timelines").append(box);
  });
}

function gaps(seen) {
  return seen.slice(1).map((each, row) => [seen[row][0], each[0]]).filter(([from, to]) => to > from + 1);
}

function tick() {
  return [10, 20, 50, 100, 200, 500, 1000].find((each) => numFrames / each < 14) || 5000;
}

// Views: the picture, the boxes, and what the chosen one looked at.
function buildViews() {
  const [height, width] = data.size;
  data.runs.forEach((run, index) => {
    const figure = document.createElement("figure");
    figure.className = "view";
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}` });
    element("image", { width, height, preserveAspectRatio: "none" }, svg);
    element("g", { class: "boxes" }, svg);
    const caption = document.createElement("figcaption");
    caption.textContent = run.name;
    figure.append(svg, caption);
    part("views").append(figure);
    svg.addEventListener("click", (event) => {
      const box = event.target.closest("[data-id]");
      if (box) choose(Number(box.dataset.id), index);
    });
  });
}

function drawView(index) {
  const [height, width] = data.size;
  const svg = part("views").children[index].firstChild;
  const picture = data.pictures[state.frame];
  if (picture) svg.firstChild.setAttribute("href", `data:image/jpeg;base64,${picture}`);
  const boxes = svg.lastChild;
  boxes.replaceChildren();
  const line = Math.max(1.5, width / 500), size = Math.max(10, width / 60);
  for (const [id, x1, y1, x2, y2] of shown[index][state.frame] || []) {
    const isChosen = id === state.chosen && index === state.run;
    const group = element("g", { "data-id": id, style: "cursor:pointer" }, boxes);
    element("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, fill: "transparent", stroke: colour(id), "stroke-width": isChosen ? 2.2 * line : line }, group);
    element("text", { x: x1, y: y1 - 3, "font-size": size, fill: colour(id), stroke: "#000", "stroke-width": size / 6, "paint-order": "stroke", "font-family": "sans-serif", "font-weight": 600 }, group).textContent = `#${id}`;
  }
  const why = reasonsOf(index);
  if (!why || index !== state.run) return;
  if (part("show-reference").checked && why.reference) {
    const [x1, y1, x2, y2] = why.reference;
    element("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, fill: "none", stroke: "#fff", "stroke-width": line, "stroke-dasharray": `${3 * line} ${2 * line}` }, boxes);
  }
  if (part("show-attention").checked && why.points)
    for (const [x, y, weight] of why.points)
      element("circle", { cx: x, cy: y, r: line * (1 + 3 * Math.sqrt(weight)), fill: "#ffd400", "fill-opacity": 0.35 + 0.6 * weight, stroke: "#000", "stroke-width": line / 4 }, boxes);
}

function reasonsOf(run) {
  const frame = data.runs[run].why[state.frame];
  return frame && state.chosen !== null ? frame[state.chosen] : undefined;
}

function draw() {
  data.runs.forEach((_, index) => drawView(index));
  part("slider").value = state.frame;
  const time = data.rate ? ` · ${(state.frame / data.rate).toFixed(2)} s` : "";
  part("clock").textContent = `frame ${state.frame} of ${numFrames - 1}${time}`;
  const scale = (1000 - LEFT - 6) / Math.max(1, numFrames);
  document.querySelectorAll(".now").forEach((line) => {
    line.setAttribute("x1", LEFT + (state.frame + 0.5) * scale);
    line.setAttribute("x2", LEFT + (state.frame + 0.5) * scale);
  });
  document.querySelectorAll(".lane").forEach((lane) => lane.classList.toggle(
    "chosen", Number(lane.dataset.id) === state.chosen && Number(lane.dataset.run) === state.run));
  drawWhy();
  for (const id of ["split", "delete", "join"]) part(id).disabled = state.chosen === null || state.run !== 0;
  part("join").textContent = state.joining ? `choose who else is #${state.chosen}` : "join with…";
}

function paragraph(text, kind = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = kind;
  return made;
}

function drawWhy() {
  const box = part("why");
  box.replaceChildren();
  part("who").textContent = state.chosen === null ? "Why" : `#${state.chosen} in frame ${state.frame}`;
  if (state.chosen === null) return box.append(paragraph("Choose an identity: click a box or a lane.", "soft"));
  const run = data.runs[state.run];
  if (!run.traced) return box.append(paragraph("No trace: `trackformer track ... --trace` writes down why.", "soft"));
  const why = reasonsOf(state.run);
  if (!why) return box.append(paragraph("Nothing was asked about it in this frame.", "soft"));
  box.append(paragraph(why.origin, "soft"));
  why.reasons.forEach((text) => box.append(paragraph(text)));
  const table = document.createElement("table");
  table.innerHTML = "<tr><th>after layer</th><th>score</th><th>centre</th><th>size</th></tr>";
  why.layers.forEach(([score, x1, y1, x2, y2], layer) => {
    const row = table.insertRow();
    const cells = [layer + 1, score.toFixed(2), `${Math.round((x1 + x2) / 2)}, ${Math.round((y1 + y2) / 2)}`, `${Math.round(x2 - x1)} × ${Math.round(y2 - y1)}`];
    cells.forEach((text) => { row.insertCell().textContent = text; });
  });
  box.append(table);
  if (why.others) box.append(paragraph(`attended most to ${why.others}`, "soft"));
  if (why.points.length) box.append(paragraph("Yellow: where it looked in the last layer, larger where more was read. What was read is not yet the cause.", "soft"));
}

function listMoments() {
  data.runs.forEach((run, index) => run.moments.slice(0, 40).forEach((each) => {
    const item = document.createElement("li");
    item.textContent = `frame ${each.frame}: ${each.text}` + (data.runs.length > 1 ? ` (${run.name})` : "");
    item.title = `${each.kind}, severity ${each.severity.toFixed(2)}`;
    item.addEventListener("click", () => go(each.frame, each.ids[0], index));
    part("moments").append(item);
  }));
  if (!part("moments").children.length) part("moments").append(paragraph("None was found.", "soft"));
  const switches = data.runs.flatMap((run, index) => run.switches.map((each) => [each, index]));
  part("truth-part").hidden = switches.length === 0;
  for (const [each, index] of switches) {
    const item = document.createElement("li");
    item.textContent = `frame ${each.frame}: ${each.text}`;
    item.addEventListener("click", () => go(each.frame, each.ids[1], index));
    part("truth").append(item);
  }
}

// Corrections.
function words(each) {
  if (each.do === "join") return `#${each.other} is #${each.track}`;
  if (each.do === "split") return `#${each.track} is #${each.new} from frame ${each.frame_index} on`;
  return `#${each.track} is deleted`;
}

function listCorrections() {
  part("corrections").replaceChildren(...corrections.map((each) => {
    const item = document.createElement("li");
    item.textContent = words(each);
    return item;
  }));
  part("undo").disabled = corrections.length === 0;
}

function correct(each) {
  corrections.push(each);
  part("saved").textContent = "";
  refresh();
}

function content() {
  return JSON.stringify({ corrections }, null, 1) + "\n";
}

async function save() {
  if (location.protocol.startsWith("http")) {
    const answer = await fetch("corrections.json", { method: "PUT", body: content() });
    part("saved").textContent = answer.ok ? "saved corrections.json beside the tracks" : await answer.text();
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content()], { type: "application/json" }));
  link.download = "corrections.json";
  link.click();
  part("saved").textContent = "corrections.json is among your downloads";
}

async function open(file) {
  try {
    const read = JSON.parse(await file.text()).corrections;
    if (!Array.isArray(read) || !read.every((each) => ["join", "split", "delete"].includes(each.do))) throw new Error();
    corrections.splice(0, corrections.length, ...read);
    part("saved").textContent = "";
    refresh();
  } catch {
    part("saved").textContent = `${file.name}: expected corrections of this page`;
  }
}

// Moving.
function go(frame, id = state.chosen, run = state.run) {
  state.frame = Math.max(0, Math.min(numFrames - 1, frame));
  if (state.joining && id !== null && id !== state.chosen && run === 0) return choose(id, run);
  state.chosen = id;
  state.run = run;
  draw();
}

function choose(id, run) {
  if (state.joining && run === 0 && id !== state.chosen) {
    state.joining = false;
    return correct({ do: "join", track: state.chosen, other: id });
  }
  state.joining = false;
  state.chosen = id;
  state.run = run;
  draw();
}

function play() {
  if (state.playing) {
    clearInterval(state.playing);
    state.playing = null;
  } else {
    state.playing = setInterval(() => (state.frame + 1 < numFrames ? go(state.frame + 1) : play()), 1000 / (data.rate || 25));
  }
  part("play").textContent = state.playing ? "❚❚" : "▶";
}

function another(step) {
  const ids = lanes(state.run).map(([id]) => id);
  const row = ids.indexOf(state.chosen);
  choose(ids[row < 0 ? 0 : (row + step + ids.length) % ids.length], state.run);
}

function search(text) {
  const number = Number((text.match(/\d+/) || [])[0]);
  if (Number.isNaN(number)) return;
  if (/frame|^f/i.test(text)) return go(number);
  const lane = lanes(state.run).find(([id]) => id === number);
  if (lane) go(lane[1].some(([frame]) => frame === state.frame) ? state.frame : lane[1][0][0], number);
}

const KEYS = {
  " ": () => play(),
  ArrowRight: (event) => go(state.frame + (event.shiftKey ? 10 : 1)),
  ArrowLeft: (event) => go(state.frame - (event.shiftKey ? 10 : 1)),
  ArrowDown: () => another(1),
  ArrowUp: () => another(-1),
  "/": () => part("search").focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.target === part("search")) {
    if (event.key === "Enter") { search(event.target.value); event.target.blur(); }
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (KEYS[event.key]) { event.preventDefault(); KEYS[event.key](event); }
});
part("slider").max = numFrames - 1;
part("slider").addEventListener("input", (event) => go(Number(event.target.value)));
part("play").addEventListener("click", play);
part("show-attention").addEventListener("change", draw);
part("show-reference").addEventListener("change", draw);
part("join").addEventListener("click", () => { state.joining = !state.joining; draw(); });
part("delete").addEventListener("click", () => correct({ do: "delete", track: state.chosen }));
part("split").addEventListener("click", () => {
  const ids = shown[0].flatMap((rows) => rows.map((row) => row[0]));
  const given = corrections.map((each) => each.new || 0);
  correct({ do: "split", track: state.chosen, frame_index: state.frame, new: Math.max(...ids, ...given) + 1 });
});
part("undo").addEventListener("click", () => { corrections.pop(); refresh(); });
part("save").addEventListener("click", save);
part("open").addEventListener("change", (event) => open(event.target.files[0]));
part("title").textContent = data.runs.map((run) => run.name).join(" | ");
document.title = `${data.runs[0].name}: inspector`;
part("legend").textContent = "A lane is an identity, coloured by score (red unsure, green sure); dot: born; dashes: lost; bar: given up; red triangle: suspicious" + (data.runs.some((run) => run.switches.length) ? "; blue triangle: a switch by the ground truth." : ".");
buildViews();
listMoments();
refresh();
