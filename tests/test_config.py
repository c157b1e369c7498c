"""Settings: whatever is wrong with them is said in one line, with the nearest valid key."""

from pathlib import Path

import pytest

from trackformer.config import apply_overrides, read_settings, read_yaml, settings_from
from trackformer.errors import ConfigError
from trackformer.input_settings import InputSettings
from trackformer.tracking.settings import TrackerSettings
from trackformer.training.settings import OptimizerSettings, TrainingSettings

NANO = Path(__file__).parents[1] / "configs" / "nano.yaml"
LEAST = {"output": "runs/x", "sources": [{"path": "data"}]}


def problem_of(content) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_from(TrainingSettings, LEAST | content, "run.yaml")
    return str(caught.value)


def test_the_first_nano_recipe_is_valid():
    settings = read_settings(TrainingSettings, NANO.with_name("nano_first.yaml"))
    assert settings.optimizer.learning_rate == 4e-4
    assert [source.weight for source in settings.sources] == [0.75, 0.15, 0.1]


@pytest.mark.parametrize("recipe", sorted(NANO.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid(recipe):
    assert read_settings(TrainingSettings, recipe).sources


def test_the_recipe_of_masks_is_one_of_masks():
    settings = read_settings(TrainingSettings, NANO.with_name("masks_small.yaml"))
    assert settings.model.detector.masks


def test_absent_keys_have_defaults():
    assert settings_from(TrainingSettings, LEAST, "run.yaml").optimizer == OptimizerSettings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"batchsize": 4}, "unknown setting 'batchsize'; did you mean 'batch_size'?"),
        ({"optimizer": {"stepz": 4}}, "'optimizer.stepz'; did you mean 'steps'?"),
        ({"validation": {"path": "x", "evry": 4}}, "'validation.evry'; did you mean 'every'?"),
        (
            {"sources": [{"path": "x", "wait": 4}]},
            "'sources.0.wait'; did you mean 'weight'?",
        ),
        (
            {"model": {"detector": {"kind": "detr", "num_querys": 4}}},
            "'model.detector.num_querys'; did you mean 'num_queries'?",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest(content, message):
    assert problem_of(content).startswith("run.yaml: ")
    assert message in problem_of(content)


def test_the_nearest_key_is_one_of_the_chosen_variant():
    # `num_levels` exists for deformable_detr only.
    message = problem_of({"model": {"detector": {"kind": "detr", "num_levels": 4}}})
    assert "did you mean 'num_queries'?" in message


def test_a_key_near_to_none_lists_all():
    assert "valid: area, height, longest_side" in problem_of({"input": {"qqq": 1, "area": 9}})


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="missing setting 'sources'"):
        settings_from(TrainingSettings, {"output": "x"}, "run.yaml")


def test_a_wrong_type_names_the_key_and_the_value():
    message = problem_of({"optimizer": {"steps": "many"}})
    assert "optimizer.steps: " in message
    assert "got 'many'" in message


def test_an_unknown_kind_lists_the_kinds():
    assert "'detr', 'deformable_detr'" in problem_of({"model": {"detector": {"kind": "deter"}}})


def test_settings_that_contradict_each_other_are_refused():
    assert "exactly one of shorter_side, area, max_height and height" in problem_of({"input": {}})
    assert "longest_side needs shorter_side" in problem_of(
        {"input": {"area": 9, "longest_side": 9}}
    )
    assert "fewest frames must not exceed" in problem_of({"clips": {"length": [3, 2]}})
    assert "smallest <= largest" in problem_of({"clips": {"zoom": [2, 1]}})


def test_all_problems_are_told_at_once():
    assert problem_of({"seeed": 1, "batch_size": 0}).count(";") >= 2


def test_overrides_replace_values_and_leave_the_rest(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("{shorter_side: 400, longest_side: 600}")
    settings = read_settings(InputSettings, path, ["longest_side=700", "std=[1, 1, 1]"])
    assert (settings.shorter_side, settings.longest_side) == (400, 700)
    assert settings.std == (1, 1, 1)


def test_overrides_do_not_change_their_argument():
    content = {"optimizer": {"steps": 1}}
    assert apply_overrides(content, ["optimizer.steps=2"]) == {"optimizer": {"steps": 2}}
    assert content == {"optimizer": {"steps": 1}}


def test_overrides_create_what_is_absent_and_null_is_none():
    changed = apply_overrides({"tracker": None}, ["tracker.patience=3", "a.b.c=null", "d=1e-3"])
    assert changed == {"tracker": {"patience": 3}, "a": {"b": {"c": None}}, "d": "1e-3"}


@pytest.mark.parametrize("override", ["steps", "=3", "a=[1"])
def test_a_malformed_override_is_refused(override):
    with pytest.raises(ConfigError, match="expected"):
        apply_overrides({}, [override])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: no such settings file"):
        read_settings(InputSettings, tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "just words", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"run\.yaml: expected a"):
        read_settings(InputSettings, path)


def test_a_folder_and_an_image_are_no_settings(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    for path in (tmp_path, tmp_path / "image.png"):
        with pytest.raises(ConfigError, match="expected a YAML file"):
            read_settings(InputSettings, path)


def test_an_empty_file_means_no_settings(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("")
    assert read_settings(OptimizerSettings, path) == OptimizerSettings()


def test_settings_made_in_python_are_refused_in_one_line():
    with pytest.raises(ConfigError) as refused:
        TrackerSettings(birth_score=-1, brith_nms_iou=0.5)
    assert str(refused.value) == (
        "TrackerSettings: birth_score: expected a number from 0 on, got -1; "
        "unknown setting 'brith_nms_iou'; did you mean 'birth_nms_iou'?"
    )


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000, "2026-99-99"])
def test_values_that_python_cannot_read_are_refused_in_one_line(tmp_path, value):
    (tmp_path / "run.yaml").write_text(f"steps: {value}\n")
    with pytest.raises(ConfigError, match=r"run\.yaml: expected a YAML file"):
        read_yaml(tmp_path / "run.yaml")
    with pytest.raises(ConfigError, match="steps: expected a YAML value"):
        apply_overrides({}, [f"steps={value}"])
