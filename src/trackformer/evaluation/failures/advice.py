"""What each cause of a failure means, and what usually helps: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trackformer.evaluation.failures.find import Kind


@dataclass(frozen=True, slots=True)
class Advice:
    """For people who look at failures of one cause."""

    meaning: str
    remedy: str
    """Settings by their names, and the page of `docs` that tells more."""


ADVICE: Final[Mapping[tuple[Kind, str], Advice]] = {
    ("switch", "exit"): Advice(
        "The object left the image and came back.",
        "Within a few frames a larger patience bridges it (docs/tuning.md); after that, nothing in "
        "this tracker knows people again, so leave such returns out of what you expect.",
    ),
    ("switch", "crossing"): Advice(
        "It overlapped an object that had one of its two tracks: they were mixed up.",
        "Train on people who cross and look alike, as configs/lookalikes.yaml does "
        "(docs/synthetic.md); where people walk steadily, motion 1 and motion_smoothing 0.7 tell "
        "them apart by where they go.",
    ),
    ("switch", "occlusion"): Advice(
        "It was hidden, and came back as another one.",
        "Make patience as long as people are hidden here, in frames, and lower reid_score; "
        "lost_motion decides where they are awaited (docs/tuning.md). In training, "
        "track_queries.patience and clips.max_gap must reach as far (docs/training.md).",
    ),
    ("switch", "missed"): Advice(
        "It was in plain sight, unseen for at least a frame, and was born again.",
        "Lower keep_score, so that its track is not lost, and reid_score, so that it comes back; "
        "termination_steps 2 forgives a single bad frame (docs/tuning.md).",
    ),
    ("switch", "takeover"): Advice(
        "It was in plain sight and had a track in the frame before: another track took over, "
        "usually a lost one that came back on it, or a duplicate.",
        "Raise birth_score or lower birth_nms_iou, so that no second track is born that takes "
        "turns with the first; raise reid_score, so that lost tracks come back only where they "
        "are sure (docs/tuning.md); in training, raise track_queries.false_positive_rate.",
    ),
    ("miss", "hidden"): Advice(
        "Less than a quarter of it could be seen.",
        "Little: no threshold finds what cannot be seen. If hidden objects matter to you, train "
        "with them (matching.birth_visibility 0, clips.min_visibility 0); if only their identity "
        "does, look at the switches by occlusion.",
    ),
    ("miss", "border"): Advice(
        "It was at the border of the image, cut off or just coming in.",
        "Train with a larger clips.zoom, whose crops cut people off as the image does; a lower "
        "birth_score begins tracks a few frames earlier (docs/tuning.md). A result cut at the "
        "border (clip_boxes) overlaps a box that is annotated beyond it too little.",
    ),
    ("miss", "small"): Advice(
        "Its box had less than 32 x 32 pixels.",
        "Train and track at a larger input.shorter_side or input.area, so that objects have more "
        "pixels (docs/training.md), or film from closer.",
    ),
    ("miss", "loose"): Advice(
        "It was found, but the box fits too badly to count: IoU 0.25 to 0.5.",
        "No threshold. Look whose box is wrong: annotations that were drawn evenly between a few "
        "frames lag behind, and only better ones help. Otherwise fine-tune on frames annotated by "
        "the same rule (whole person or visible part?; docs/tutorial-own-data.md).",
    ),
    ("miss", "crowd"): Advice(
        "At least a quarter of its box was covered by another object's: one result for two people, "
        "or none for this one.",
        "Raise birth_nms_iou and track_nms_iou, which end a track beside another "
        "(docs/tuning.md), and train on crowds (--skill crowd, docs/synthetic.md).",
    ),
    ("miss", "stolen"): Advice(
        "Its track went on with another object.",
        "As for switches by crossing: train on people who cross and look alike "
        "(configs/lookalikes.yaml, docs/synthetic.md); motion and motion_smoothing.",
    ),
    ("miss", "never found"): Advice(
        "It was in plain sight, and no track ever lay on it.",
        "Lower birth_score (docs/tuning.md); if that only adds false tracks, the model does not "
        "know such objects: fine-tune with them (docs/tutorial-own-data.md).",
    ),
    ("miss", "late"): Advice(
        "It was in plain sight before its first track began.",
        "Lower birth_score (docs/tuning.md); in training, raise track_queries.drop_rate, so that "
        "object queries learn to begin tracks anywhere.",
    ),
    ("miss", "lost"): Advice(
        "It had been found and stood in plain sight.",
        "Lower keep_score (and reid_score, by which it comes back), or raise patience "
        "(docs/tuning.md).",
    ),
}
