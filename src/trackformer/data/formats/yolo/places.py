"""What a YOLO data set says of itself: its classes, and where its images and labels lie.

Three spellings: `data.yaml` (Ultralytics, Roboflow), `obj.data` (Darknet; CVAT's "YOLO 1.1"), and
`classes.txt` beside `images` and `labels` (Label Studio).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trackformer.data.formats.limits.numbers import shown, whole
from trackformer.data.formats.parts.image_folders import is_file, is_folder
from trackformer.data.formats.parts.malformed import MalformedError, Report
from trackformer.data.formats.parts.text_files import read_text
from trackformer.errors import DataError
from trackformer.frame_files import images_below

SETTINGS_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "obj.data")
CLASS_LIST, IMAGES, LABELS = "classes.txt", "images", "labels"
MAX_CLASSES = 100_000


@dataclass(frozen=True, slots=True)
class YoloSettings:
    """What one of the files says."""

    path: Path
    class_names: tuple[str, ...]
    train: tuple[str, ...]
    """Folders of images, or text files that list images."""
    root: Path
    """The folder from which those count."""
    keypoint_numbers: int | None
    """Numbers behind the box in each row of a pose data set; None: of another kind."""


def find_settings(path: Path) -> Path | None:
    """The settings that a path means: itself, in the folder, or up to three folders above."""
    if path.is_file():
        is_known = path.suffix in (".yaml", ".yml") or path.name == "obj.data"
        return path if is_known else None
    for folder in (path, *path.resolve().parents[:3]):
        for name in SETTINGS_NAMES:
            if (folder / name).is_file():
                return folder / name
    parts = (path / CLASS_LIST, path / IMAGES, path / LABELS)
    return parts[0] if all(part.exists() for part in parts) else None


def read_settings(path: Path) -> YoloSettings:
    """Read `data.yaml`, `obj.data` or `classes.txt`.

    Raises:
        DataError: It is malformed.
    """
    if path.name == CLASS_LIST:
        return YoloSettings(path, _lines(path), (IMAGES,), path.parent, None)
    if path.suffix == ".data":
        return _read_darknet(path)
    content = _read_yaml(path)
    root = path.parent / str(content.get("path") or "")
    given = content.get("train") or []
    places = given if isinstance(given, list) else [given]
    return YoloSettings(
        path=path,
        class_names=_class_names(content, path),
        train=tuple(str(place) for place in places),
        root=root if is_folder(root) else path.parent,
        keypoint_numbers=_keypoint_numbers(content, path),
    )


def training_images(settings: YoloSettings, report: Report) -> list[Path]:
    """The images of `train`: folders at any depth, and text files that list images.

    Raises:
        DataError: One of these is missing.
    """
    images: list[Path] = []
    for place in settings.train:
        # Exports of some tools count `../train/images` from a folder that does not exist here.
        below = place.removeprefix("../")
        parent = settings.path.parent
        choices = [settings.root / place, parent / place, parent / below]
        # Darknet's own files count from the folder above.
        choices += [parent / place.removeprefix("data/")]
        found = next((choice for choice in choices if is_file(choice) or is_folder(choice)), None)
        if found is None:
            raise DataError(
                f"{settings.path}: expected the images of train in {choices[0]}, got none"
            )
        images += _listed(found, settings, report) if found.is_file() else images_below(found)
    return images


def label_path(image: Path) -> Path:
    """The last `images` in the path becomes `labels`, as in the programs that read this format."""
    parts = list(image.parent.parts)
    places = [place for place, part in enumerate(parts) if part == IMAGES]
    if places:
        parts[places[-1]] = LABELS
    return Path(*parts, f"{image.stem}.txt")


def orphans(images: list[Path]) -> Iterator[Path]:
    """Label files whose image is not there, in the folders of the labels of these images."""
    expected = {label_path(image) for image in images}
    for folder in sorted({path.parent for path in expected if LABELS in path.parts}):
        for path in sorted(folder.glob("*.txt")):
            if path not in expected and path.name != CLASS_LIST and not path.name.startswith("."):
                yield path


def _listed(path: Path, settings: YoloSettings, report: Report) -> Iterator[Path]:
    """The images a text file lists, one in a line, in the ways of all systems."""
    for number, line in enumerate(read_text(path, "a list of images").splitlines(), start=1):
        name = line.strip().replace("\\", "/")
        if not name:
            continue
        roots = (path.parent, settings.root, settings.path.parent)
        names = dict.fromkeys((name, name.removeprefix("data/")))
        choices = [root / choice for root in roots for choice in names]
        found = next((choice for choice in choices if is_file(choice)), None)
        if found is None:
            what = f"expected an image, got none of that name: {shown(name)}"
            report(MalformedError("missing-image", f"{path}:{number}", what))
        else:
            yield found


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(path, "a YAML file"))
    # ValueError: a number of thousands of digits, or a date that never was.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a YAML file: {error}") from error
    if not isinstance(content, dict) or "names" not in content:
        raise DataError(f"{path}: expected the keys train, val and names")
    return content


def _class_names(settings: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = settings["names"]
    if isinstance(names, list):
        names = dict(enumerate(names))
    places = range(len(names)) if isinstance(names, dict) else range(0)
    if not isinstance(names, dict) or set(names) != set(places):
        raise DataError(f"{path}: expected names as a list, or numbered from 0 without gaps")
    # Not lists in lists: an alias repeated often enough would fill the memory as a text.
    if any(isinstance(name, list | dict) for name in names.values()):
        raise DataError(f"{path}: expected names that are texts")
    try:
        declared = whole(settings.get("nc", len(names)), "nc, a number of classes", 0, MAX_CLASSES)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if declared != len(names):
        raise DataError(f"{path}: expected {declared} names as nc says, got {len(names)}")
    return tuple(str(names[label]) for label in places)


def _keypoint_numbers(settings: dict[str, Any], path: Path) -> int | None:
    shape = settings.get("kpt_shape")
    if shape is None:
        return None
    try:
        points, numbers = (whole(size, "kpt_shape", 1, 1000) for size in shape)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected kpt_shape as [points, 2 or 3], got {shown(shape)}"
        ) from error
    return points * numbers


def _read_darknet(path: Path) -> YoloSettings:
    pairs = [line.partition("=") for line in _lines(path)]
    content = {key.strip(): value.strip() for key, _, value in pairs}
    if "names" not in content or "train" not in content:
        raise DataError(f"{path}: expected the keys train and names")
    name = content["names"]
    choices = [path.parent / name, path.parent / name.removeprefix("data/")]
    names = next((choice for choice in choices if is_file(choice)), choices[0])
    return YoloSettings(path, _lines(names), (content["train"],), path.parent, None)


def _lines(path: Path) -> tuple[str, ...]:
    lines = read_text(path, "a text file").splitlines()
    return tuple(line.strip() for line in lines if line.strip())
