"""DETR step by step on a real frame: architecture, object queries, matching, set loss.

Run: `python examples/detr.py` - or cell by cell, where an editor knows `# %%`. Ten seconds.
"""

# %% A frame of the bundled clip, and the bundled model
import torch

from trackformer import load_model
from trackformer.figures.demo_run import DemoRun
from trackformer.tracking.prepared_frame import prepare_frame
from trackformer.training.losses.set_prediction import set_prediction_loss
from trackformer.training.matching import match, matching_cost
from trackformer.training.settings import LossSettings, MatchingSettings

torch.set_num_threads(1)
demo = DemoRun()
model = load_model("nano")
images = prepare_frame(model, demo.frames[30]).images
print("pixels", tuple(images.pixels.shape))

# %% Backbone and encoder: cells that know of each other
with torch.inference_mode():
    memory = model.encode(images)
print("levels", memory.level_shapes, "- cells in all", memory.tokens.shape[1])

# %% Object queries: one row each, and where it begins
with torch.inference_mode():
    queries = model.detector.object_queries(memory)
print("object queries", tuple(queries.content.shape), "begin at", tuple(queries.reference.shape))

# %% The decoder answers all queries at once; the heads make scores and boxes of them
with torch.inference_mode():
    output = model.decode(memory)
scores = output.class_scores()[0, :, 0]
print("people", int((scores > 0.5).sum()), "- no object", int((scores <= 0.5).sum()))

# %% Two costs for every query and every annotated person
people = demo.people(30)
settings = MatchingSettings()
logits, boxes = output.class_logits[-1, 0], output.boxes[-1, 0]
only_class = settings.model_copy(update={"l1_cost": 0.0, "giou_cost": 0.0})
class_cost = matching_cost(logits, boxes, people, only_class, has_no_object_class=False)
cost = matching_cost(logits, boxes, people, settings, has_no_object_class=False)
best = int(scores.argmax())
nearest = int(cost[best].argmin())
print(f"surest query and person {int(people.track_ids[nearest])}:", end=" ")
print(f"class cost {class_cost[best, nearest]:.2f}, all costs {cost[best, nearest]:.2f}")

# %% The assignment with the least sum: every person has one query, every other query nobody
nobody_carried = torch.zeros(1, 0, dtype=torch.long)
target_index = match(output, [people], nobody_carried, settings)
print("matched", int((target_index >= 0).sum()), "of", target_index.shape[-1])

# %% The loss over all queries
weights = LossSettings()
losses = set_prediction_loss(
    output.class_logits, output.boxes, target_index, [people], float(len(people.labels)), weights
)
print(f"class {weights.class_weight * losses.classification:.3f}", end=", ")
print(f"L1 {weights.l1_weight * losses.l1:.3f}, GIoU {weights.giou_weight * losses.giou:.3f}")
print(f"loss {losses.total(weights):.3f}")
