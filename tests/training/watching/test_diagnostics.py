"""The numbers and pictures of a step, on worlds where they can be counted by hand."""

import csv

import cv2
import pytest
import torch

from synthetic_videos import write_crossing
from tiny_models import tiny_model, tiny_settings
from trackformer.checkpoints.load import load_model
from trackformer.image_files import read_image
from trackformer.input_settings import InputSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.optimizer import gradient_norms_by_part
from trackformer.training.run import train
from trackformer.training.settings import TrainingSettings
from trackformer.training.watching.diagnostics import (
    answers_of,
    average_precision,
    diagnose,
    embedding_auc,
    share_by_track_queries,
)
from trackformer.training.watching.metrics_file import MetricsFile, read_metrics
from trackformer.training.watching.observation import ObservedFrame
from trackformer.training.watching.sample_frames import draw_frames, write_picture
from trackformer.types import NO_OBJECT, PADDING, Images
from training.worlds import SURE, SURELY_NOT, box, output, target

THRESHOLDS = TrackerSettings(birth_score=0.5, keep_score=0.5)
HERE, THERE, ELSEWHERE, FAR = box(0.2, 0.2), box(0.5, 0.5), box(0.8, 0.8), box(0.2, 0.8)


def frame(boxes, logits, targets, index, tracks=0, layers=1) -> ObservedFrame:
    """One image; `index` of one layer, or of all of them."""
    index = torch.tensor(index)
    index = index if index.ndim == 2 else index[None].repeat(layers, 1)
    answer = output([boxes], [logits], tracks=tracks, layers=layers)
    images = Images.from_list([torch.zeros(3, 40, 60)])
    return ObservedFrame(images, (targets,), None, answer, index[:, None])


def test_the_share_of_positives_by_track_queries_in_each_layer():
    both = target([HERE, THERE])
    # Layer 1 (coopetition): the object query finds the tracked object, too. Layer 2: it must not.
    index = [[0, 0, 1], [0, NO_OBJECT, 1]]
    found = frame([HERE, HERE, THERE], [SURE] * 3, both, index, tracks=1, layers=2)
    detected = frame([HERE], [SURE], target([HERE]), [0])  # first of a clip: not counted
    assert share_by_track_queries([found, detected]) == {
        "share_by_track_queries_layer_1": 1 / 3,
        "share_by_track_queries_layer_2": 1 / 2,
    }


def test_without_any_track_query_there_is_no_share():
    assert share_by_track_queries([frame([HERE], [SURE], target([HERE]), [0])]) == {}


def test_newborn_recall_counts_objects_found_by_their_own_query():
    world = target([HERE, THERE, ELSEWHERE, FAR])
    boxes = [HERE, THERE, FAR, FAR]  # the third one is at the wrong place
    logits = [SURE, SURELY_NOT, SURE, SURE]  # the second one is not sure enough
    answers = answers_of([frame(boxes, logits, world, [0, 1, 2, 3])], THRESHOLDS)
    assert (answers.newborn, answers.newborn_found) == (4, 2)
    assert answers.shares()["newborn_recall"] == 0.5


def test_survival_and_ghosts_are_those_of_track_queries():
    world = target([HERE, THERE])
    index = [0, 1, NO_OBJECT, NO_OBJECT, PADDING, NO_OBJECT]
    logits = [SURE, SURELY_NOT, SURE, SURELY_NOT, SURE, SURE]
    boxes = [HERE, THERE, FAR, FAR, FAR, ELSEWHERE]
    shares = answers_of([frame(boxes, logits, world, index, tracks=5)], THRESHOLDS).shares()
    assert shares == {
        "track_survival": 0.5,
        "takeovers": 0.0,
        "ghost_tracks": 0.5,
        "duplicates": 0.0,
    }


def test_a_takeover_is_a_sure_track_query_on_somebody_else():
    world = target([HERE, THERE, ELSEWHERE])
    boxes, logits = [THERE, HERE, FAR], [SURE, SURELY_NOT, SURE]
    shares = answers_of([frame(boxes, logits, world, [0, 1, 2], tracks=3)], THRESHOLDS).shares()
    assert (shares["track_survival"], shares["takeovers"]) == (0.0, 1 / 3)


def test_embeddings_are_compared_with_those_of_the_frame_before():
    # Embeddings of the worlds' outputs are the number of the query: 0, 1, 2.
    world = target([HERE, THERE, ELSEWHERE])
    before = frame([HERE, THERE, ELSEWHERE], [SURE] * 3, world, [0, 1, 2])
    after = frame([THERE, HERE, ELSEWHERE], [SURE] * 3, world, [1, 0, 2])
    # The third one is itself again; the first two changed places.
    assert embedding_auc([before, before]) == {"embedding_auc": 1.0}
    assert embedding_auc([before, after]) == {"embedding_auc": pytest.approx((0.5 + 0.25 + 1) / 3)}
    assert embedding_auc([before]) == {}


def test_duplicates_are_good_answers_beyond_the_first():
    world = target([HERE, THERE])
    index = [0, NO_OBJECT, NO_OBJECT, NO_OBJECT]
    logits = [SURE, SURE, SURE, SURELY_NOT]
    answers = answers_of([frame([HERE] * 4, logits, world, index, tracks=1)], THRESHOLDS)
    assert answers.shares()["duplicates"] == 2 / 2


def test_frames_add_up():
    good = frame([HERE], [SURE], target([HERE]), [0])
    bad = frame([HERE], [SURELY_NOT], target([HERE]), [0])
    assert answers_of([good, bad], THRESHOLDS).shares() == {
        "newborn_recall": 0.5,
        "duplicates": 0.0,
    }


def test_average_precision_by_hand():
    # By score: hit, miss, hit; the third object is missed: (1/1 + 2/3) / 3.
    answer = output([[HERE, FAR, THERE]], [[3.0, 2.0, 1.0]])
    wanted = target([HERE, THERE, ELSEWHERE])
    assert average_precision([answer], [[wanted]]) == pytest.approx((1 + 2 / 3) / 3)


def test_a_second_answer_is_a_miss_and_one_in_an_ignore_region_nothing():
    wanted = target([HERE, THERE], ignore=[FAR])
    twice = output([[HERE, HERE, FAR, THERE]], [[3.0, 2.5, 2.0, 1.0]])
    assert average_precision([twice], [[wanted]]) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_without_objects_is_unknown():
    assert average_precision([output([[HERE]])], [[target()]]) is None


def test_precision_is_told_with_and_without_track_queries():
    model = tiny_model()
    images = Images.from_list([torch.rand(3, 64, 64)])
    with torch.no_grad():
        answer = model(images)
    found = answer.boxes[-1, 0, 0].tolist()
    label = int(answer.class_scores()[0, 0].argmax())
    targets = (target([found], labels=[label]),)
    index = torch.full((len(answer.boxes), 1, 6), NO_OBJECT)
    numbers = diagnose(model, [ObservedFrame(images, targets, None, answer, index)], THRESHOLDS)
    assert numbers["AP50"] == numbers["AP50_without_track_queries"] > 0


def test_gradient_norms_by_part():
    model = tiny_model()
    assert gradient_norms_by_part(model) == {}
    model.carry.projection.weight.grad = torch.full((32, 32), 0.5)
    model.carry.projection.bias.grad = torch.full((32,), 1.0)
    assert gradient_norms_by_part(model) == {"carry": pytest.approx((1024 / 4 + 32) ** 0.5)}


def test_a_resumed_file_of_metrics_goes_on_behind_the_step(tmp_path):
    path = tmp_path / "metrics.csv"
    file = MetricsFile(path, 0)
    file.append({"step": 1, "loss": 3.0})
    file.append({"step": 2, "loss": 2.0, "recall": 0.5})
    file.append({"step": 3, "loss": 1.0})
    with path.open("a") as cut_off:
        cut_off.write("4,0.")
    again = MetricsFile(path, 2)
    again.append({"step": 3, "loss": 1.5})
    assert path.read_text() == "step,loss,recall\n1,3.0,\n2,2.0,0.5\n3,1.5,\n"
    assert MetricsFile(path, 0) is not again
    assert read_metrics(path) == []


def test_a_picture_shows_targets_and_answers_by_colour():
    world = target([HERE, THERE])
    answers = [HERE, ELSEWHERE, FAR]
    index = [0, NO_OBJECT, NO_OBJECT]
    seen = frame(answers, [SURE, SURE, SURELY_NOT], world, index, tracks=1)
    picture = draw_frames([seen, seen, seen], InputSettings(area=2400), THRESHOLDS)
    assert picture.shape == (80, 120, 3)  # two columns, the last place is empty
    first = picture[:40, :60]
    assert first[20 - 2, 30].tolist() == [255, 255, 255]  # the target that nobody found
    assert first[32 - 2, 48].tolist() == [255, 0, 0]  # an answer without an object
    assert first[32 - 2, 12].tolist() != [255, 0, 0]  # one below the threshold is not drawn
    assert not picture[40:, 60:].any()


def test_pictures_are_stored_in_the_right_colours(tmp_path):
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).expand(16, 16, 3).numpy()
    write_picture(red, tmp_path / "a" / "red.jpg")
    assert abs(read_image(tmp_path / "a" / "red.jpg").astype(int) - red).max() < 8
    assert cv2.imread(str(tmp_path / "a" / "red.jpg")) is not None


def test_a_run_looks_when_due_and_learns_the_same(tmp_path):
    video = write_crossing(tmp_path / "crossing", num_frames=6)
    recipe = {
        "sources": [{"path": str(video)}],
        "model": tiny_settings("deimv2").model_dump(mode="json"),
        "batch_size": 1,
        "clips": {"canvas": [64, 96]},
        "track_queries": {"drop_rate": 0.0},
        "optimizer": {"steps": 3, "warmup_steps": 1},
        "workers": 0,
    }

    def run(name, **diagnostics):
        changes = {"output": str(tmp_path / name), "diagnostics": diagnostics}
        return train(TrainingSettings.model_validate(recipe | changes))

    looked = run("looked", every=2, pictures_every=3)
    blind = run("blind", every=0, pictures_every=0)
    with (looked / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert all(float(row[name]) >= 0 for row in rows for name in ("loss", "data_seconds"))
    for name in ("AP50", "gradient_norm_encoder", "learning_rate_backbone", "track_survival"):
        assert [bool(row[name]) for row in rows] == [False, True, False]
    assert [path.name for path in (looked / "samples").iterdir()] == ["step_0000003.jpg"]
    assert not (blind / "samples").exists()
    assert "AP50" not in (blind / "metrics.csv").read_text()
    weights = (load_model(each / "last.safetensors").state_dict() for each in (looked, blind))
    for one, other in zip(*(each.values() for each in weights), strict=True):
        assert torch.equal(one, other)
