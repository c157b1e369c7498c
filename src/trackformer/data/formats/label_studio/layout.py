"""How the parts of a Label Studio task for tracks in a video are called."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from trackformer.errors import DataError

FILE_NAME: Final = "tasks.json"
CONFIG_NAME: Final = "labeling_config.xml"
"""What a project's labeling interface has to be, so that these tasks fit it."""
VIDEO, LABELS, BOX = "video", "labels", "box"
KIND: Final = "videorectangle"
PER_CENT: Final = 100.0
USUAL_FRAME_RATE: Final = 25.0
"""Frames per second where the data do not say: Label Studio has to know."""


def labeling_config(class_names: tuple[str, ...], frame_rate: float) -> str:
    """The interface in which boxes of these classes are drawn over a video."""
    view = ElementTree.Element("View")
    labels = ElementTree.SubElement(view, "Labels", name=LABELS, toName=VIDEO)
    for name in class_names:
        ElementTree.SubElement(labels, "Label", value=name)
    rate = f"{frame_rate:g}"
    ElementTree.SubElement(view, "Video", name=VIDEO, value=f"${VIDEO}", framerate=rate)
    ElementTree.SubElement(view, "VideoRectangle", name=BOX, toName=VIDEO)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def declared_labels(tasks: Path) -> tuple[str, ...]:
    """The classes of the interface beside a file of tasks; none where there is no such file."""
    path = tasks.with_name(CONFIG_NAME)
    if not path.is_file():
        return ()
    try:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected an XML file: {error}") from error
    return tuple(str(label.get("value")) for label in root.iter("Label"))
