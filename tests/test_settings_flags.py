"""Flags are read from source text; here they are compared with the classes themselves."""

from __future__ import annotations

import argparse

import pytest
import yaml

from trackformer.config import Settings
from trackformer.settings_flags import add_settings_flags, documented_fields, given_settings
from trackformer.tracking.settings import DetectSettings, TrackerSettings


@pytest.mark.parametrize("settings_type", [TrackerSettings, DetectSettings])
def test_flags_cover_every_field_with_its_default_and_help(settings_type: type[Settings]):
    fields = documented_fields(settings_type.__module__, settings_type.__name__)
    assert [field.name for field in fields] == list(settings_type.model_fields)
    for field in fields:
        declared = settings_type.model_fields[field.name]
        assert yaml.safe_load(field.default) == declared.default
        assert field.help == " ".join((declared.description or "").split()) != ""


def test_a_switch_may_stand_alone_or_with_its_value():
    parser = argparse.ArgumentParser()
    add_settings_flags(parser, "trackformer.tracking.settings", "TrackerSettings", "")
    assert given_settings(parser.parse_args(["--clip-boxes"])) == {"clip_boxes": "true"}
    assert given_settings(parser.parse_args(["--clip-boxes", "false"])) == {"clip_boxes": "false"}


@pytest.mark.parametrize("word", ["off", "none", "null"])
def test_only_what_is_given_is_a_setting(word: str):
    parser = argparse.ArgumentParser()
    add_settings_flags(parser, "trackformer.tracking.settings", "DetectSettings", "")
    assert given_settings(parser.parse_args([])) == {}
    assert given_settings(parser.parse_args(["--min-score", "0.2"])) == {"min_score": "0.2"}
    assert given_settings(parser.parse_args(["--nms-iou", word])) == {"nms_iou": None}


def test_none_is_a_word_where_a_value_is_needed():
    parser = argparse.ArgumentParser()
    add_settings_flags(parser, "trackformer.tracking.settings", "TrackerSettings", "")
    options = parser.parse_args(["--compatibility", "none", "--reid-center-distance", "none"])
    assert given_settings(options) == {"compatibility": "none", "reid_center_distance": None}
