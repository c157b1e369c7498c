"""How often frames make the host wait for its device, as a program of its own.

It gives the process a device that is not there (`pretended_device`).
"""

import json
import sys
from dataclasses import replace

import numpy as np
import torch

from models.conftest import SIZES
from models.fast.pretended_recorder import PretendedRecorder
from trackformer.checkpoints.load import load_model
from trackformer.models.fast.optimize import optimize_for_inference
from trackformer.models.fast.replayed import ReplayedDetector
from trackformer.models.ms_deform_attn.choice import REFERENCE, forced_implementation
from trackformer.models.settings import DeformableDetrSettings, DetrSettings
from trackformer.tracking.object_detector import ObjectDetector
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.tracking.steps import update_together
from trackformer.tracking.tracker import Tracker
from trackformer.training.matching import match
from trackformer.training.settings import MatchingSettings
from tracking.compiled_tracking import RESTLESS, restless_model
from tracking.pretended_device import NAME, Device, moved, register
from training.worlds import box, nobody_carried, output, target

SMALL = {
    "detr": DetrSettings(**SIZES, classification="sigmoid"),
    "deformable_detr": DeformableDetrSettings(**SIZES),
    "two_frames": DeformableDetrSettings(**SIZES, multi_frame="separate_encoder"),
}
SETTINGS = RESTLESS.model_copy(update={"reid_embedding_distance": 100.0, "birth_nms_iou": 0.9})
"""Every decision that needs numbers is taken."""
FRAMES = np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)


def waits_of(name: str) -> dict[str, object]:
    """The waits of each frame of a stream, of a detector's frame, and of two streams in a pass."""
    model = load_model("nano") if name == "nano" else restless_model(SMALL[name])
    plain = Tracker(optimize_for_inference(model), SETTINGS)
    expected = [plain.update(frame).track_ids.tolist() for frame in FRAMES]
    with Device() as device:
        remote = moved(optimize_for_inference(model))
        tracker = Tracker(remote, SETTINGS)
        ids, tracking = [], []
        for frame in FRAMES:
            ids.append(tracker.update(frame).track_ids.tolist())
            tracking.append(device.taken_waits())
        ObjectDetector(remote).detect(FRAMES[0])
        detecting = device.taken_waits()
        streams = [Tracker(remote, SETTINGS), Tracker(remote, SETTINGS)]
        for _ in range(2):
            device.taken_waits()
            update_together(remote, streams, [prepare_frame(remote, each) for each in FRAMES[:2]])
        together = device.taken_waits()
        recorder = PretendedRecorder(f"{NAME}:0")
        remote.detector = ReplayedDetector(remote.detector, recorder)
        tracker = Tracker(remote, SETTINGS)
        replayed_ids, replaying = [], []
        for frame in FRAMES:
            replayed_ids.append(tracker.update(frame).track_ids.tolist())
            replaying.append(device.taken_waits())
        return {
            "replaying": replaying,
            "num_replayed": recorder.num_replayed,
            "same_ids_replayed": replayed_ids == expected,
            "tracking": tracking,
            "detecting": detecting,
            "together": together,
            "same_ids": ids == expected,
            "num_reidentified": tracker.tracks.num_reidentified,
        }


def waits_of_matching() -> dict[str, object]:
    """The waits of the assignment of two images' targets in three decoder layers."""
    answer = output([[box(0.2, 0.5), box(0.8, 0.5)]] * 2, layers=3)
    targets = [
        target([box(0.8, 0.5)]),
        target([box(0.2, 0.5)], ignore=[box(0.8, 0.5, 0.2)]),
    ]
    with Device() as device:
        place = torch.device(NAME, 0)
        remote = replace(
            answer,
            class_logits=answer.class_logits.to(place),
            boxes=answer.boxes.to(place),
            is_padding=answer.is_padding.to(place),
        )
        targets, carried = [each.to(place) for each in targets], nobody_carried(2).to(place)
        device.taken_waits()
        found = match(remote, targets, carried, MatchingSettings())
        waits = device.taken_waits()
        return {"matching": waits, "index": found.cpu().tolist()}


if __name__ == "__main__":
    register()
    # Tensors without version counters cannot be wrapped.
    torch.inference_mode = lambda mode=True: torch.set_grad_enabled(not mode)
    with forced_implementation(REFERENCE):
        found = {name: waits_of(name) for name in sys.argv[1:]}
        sys.stdout.write(json.dumps(found | {"matching": waits_of_matching()}))
