"""Put the page together in web/dist: page, tracker, clip, onnxruntime-web.

Run: `python web/build.py`, after `npm install` in web/; see `--help`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from trackformer.checkpoints.load import load_weights
from trackformer.demo_clip import clip_file
from trackformer.errors import TrackFormerError
from trackformer.exporting.tracker_file import export_tracker
from trackformer.tracking.tracker_file import STATE, THRESHOLDS, as_input
from trackformer.video.sources import open_source

HERE = Path(__file__).parent
DIST = HERE / "dist"
RUNTIME = HERE / "node_modules/onnxruntime-web/dist"
SLOTS = 100


def main() -> int:
    """Build; 2 if something is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano", help="whose tracker (default: nano)")
    parser.add_argument("--tracker", type=Path, help="a tracker that was exported already")
    parser.add_argument("--output", type=Path, default=DIST, help="where (default: web/dist)")
    options = parser.parse_args()
    dist: Path = options.output
    if not RUNTIME.is_dir():
        print(f"error: {RUNTIME}: missing; run `npm install` in {HERE}", file=sys.stderr)
        return 2
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(HERE / "page", dist)
    (dist / "ort").mkdir()
    for file in [RUNTIME / "ort.webgpu.min.mjs", *RUNTIME.glob("ort-wasm-simd-threaded*")]:
        shutil.copy(file, dist / "ort")
    tracker = dist / "tracker.onnx"
    try:
        if options.tracker is None:
            export_tracker(load_weights(options.model), tracker, SLOTS)
        else:
            shutil.copy(options.tracker, tracker)
    except (TrackFormerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    about = _about(tracker)
    _ask_for_thresholds(tracker)
    with clip_file() as clip, open_source(clip) as source:
        shutil.copy(clip, dist / "pedestrians.mp4")
        rate = float(source.frame_rate)
    (dist / "tracker.json").write_text(json.dumps(about | {"clip_rate": rate}))
    print(dist)
    return 0


def _about(tracker: Path) -> dict[str, object]:
    """What onnxruntime-web does not read of a file: its metadata, and the shapes of its state."""
    onnxruntime.set_default_logger_severity(3)  # it warns about inputs that have defaults
    session = onnxruntime.InferenceSession(tracker)
    settings = json.loads(session.get_modelmeta().custom_metadata_map["settings"])
    kinds = {"tensor(float)": "float32", "tensor(int64)": "int64"}
    places = {place.name: place for place in session.get_inputs()}
    state = [
        {"name": name, "type": kinds[places[name].type], "shape": places[name].shape}
        for name in STATE
    ]
    thresholds = [
        {
            "name": name,
            "type": "int64" if as_input(name, value).dtype == np.int64 else "float32",
            "value": as_input(name, value).item(),
        }
        for name, value in settings["tracker"].items()
        if name in THRESHOLDS
    ]
    kept = {key: settings[key] for key in ("input", "tracker", "class_names")}
    return {"state": state, "thresholds": thresholds, **kept}


def _ask_for_thresholds(tracker: Path) -> None:
    """Take the thresholds' defaults out of the file: onnxruntime-web accepts no others for them."""
    model = onnx.load(tracker)
    kept = [each for each in model.graph.initializer if each.name not in THRESHOLDS]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, tracker)


if __name__ == "__main__":
    sys.exit(main())
