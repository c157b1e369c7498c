// The tracker: one ONNX file, whose state goes from frame to frame.

import * as ort from "./ort/ort.webgpu.min.mjs";
import { resized } from "./resize.js";

ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
ort.env.logLevel = "error";

export class Tracker {
  /** Load `tracker.onnx` and what `tracker.json` says of it; `provider` is webgpu or wasm. */
  static async load(provider) {
    const about = await (await fetch("tracker.json")).json();
    const options = { executionProviders: [provider], logSeverityLevel: 3 };
    const session = await ort.InferenceSession.create("tracker.onnx", options);
    return new Tracker(session, about, provider);
  }

  constructor(session, about, provider) {
    this.session = session;
    this.about = about;
    this.provider = provider;
    this.thresholds = {};
    for (const { name, value } of about.thresholds) this.set(name, value);
    this.reset();
  }

  /** Forget all tracks; ids start at 1 again. */
  reset() {
    this.state = {};
    for (const { name, type, shape } of this.about.state) {
      const length = shape.reduce((product, side) => product * side, 1);
      const zeros = type === "int64" ? new BigInt64Array(length) : new Float32Array(length);
      this.state[name] = new ort.Tensor(type, zeros, shape);
    }
  }

  /** The objects of the next frame: [{ id, score, box: [left, top, right, bottom] in pixels }]. */
  async update(image) {
    const { area, multiple_of: step } = this.about.input;
    const scale = Math.sqrt(area / (image.width * image.height)) / step;
    const [width, height] = [image.width, image.height].map(
      (side) => Math.max(1, Math.round(side * scale)) * step,
    );
    const pixels = new ort.Tensor("uint8", resized(image, width, height), [height, width, 3]);
    const answer = await this.session.run({ pixels, ...this.state, ...this.thresholds });
    for (const name in this.state) this.state[name] = answer[`next_${name}`];
    const sides = [image.width, image.height, image.width, image.height];
    return Array.from(answer.ids.data, (id, row) => ({
      id: Number(id),
      score: answer.scores.data[row],
      box: sides.map((side, i) => answer.boxes.data[4 * row + i] * side),
    }));
  }

  /** Change a threshold; the next frame sees it. */
  set(name, value) {
    const { type } = this.about.thresholds.find((each) => each.name === name);
    const data = type === "int64" ? BigInt64Array.of(BigInt(value)) : Float32Array.of(value);
    this.thresholds[name] = new ort.Tensor(type, data, []);
  }
}
