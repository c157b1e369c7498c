"""TrackFormer step by step: four training frames by hand, then a real person lost and found again.

Run: `python examples/track_queries.py` - or cell by cell, where an editor knows `# %%`.
"""

# %% The training frames of the drawing: who must predict whom, and what it costs
import torch

from trackformer import Tracker, load_model, optimize_for_inference
from trackformer.figures.demo_run import DemoRun
from trackformer.figures.training_story import told

torch.set_num_threads(1)
for time, frame in enumerate(told()):
    print(f"t = {time}: loss {frame.total:.3f}, asked next {frame.carried}")
    for query in frame.queries:
        whom = "nobody" if query.person is None else f"person {query.person}"
        print(f"    {query.name:3} {whom:9} {query.rule:10}", end="")
        print(f"-log p {query.surprise:.3f} x {query.weight}, box {query.box:.3f}")

# %% Inference: the tracks of one frame are the first queries of the next
demo = DemoRun()
tracker = Tracker(optimize_for_inference(load_model("nano")))
for index, pixels in enumerate(demo.frames[:22]):
    before = tracker.tracks
    objects = tracker.update(pixels)
    gone = sorted(set(before.ids.tolist()) - set(objects.track_ids.tolist()))
    new = sorted(set(objects.track_ids.tolist()) - set(before.ids.tolist()))
    if gone or new:
        print(f"frame {index}: asked for {len(before.ids)}, not seen {gone}, new {new}")

# %% Patience: a lost track keeps its query, its box and its age
print(
    "patience",
    tracker.settings.patience,
    "- frames missed now",
    tracker.tracks.frames_missed.tolist(),
)
