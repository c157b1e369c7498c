"""The inspector's page: one HTML file with everything in it, that asks no network for anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Final

from trackformer.atomic_files import whole_file
from trackformer.inspecting.content import RunContent
from trackformer.inspecting.corrections import Correction, Delete, Join
from trackformer.inspecting.pictures import Pictures

PAGE_NAME: Final = "inspector.html"


def write_page(
    path: Path,
    runs: Sequence[RunContent],
    pictures: Pictures,
    frame_rate: float | None,
    corrections: Sequence[Correction] = (),
) -> None:
    """Write the page.

    Args:
        path: Replaced if it exists.
        runs: The one that corrections are about, then others to compare it with.
        pictures: The frames of their video.
        frame_rate: Frames per second, where it is known.
        corrections: Those made before.

    Raises:
        DataError: The file cannot be written.
    """
    data = {
        "runs": [asdict(run) for run in runs],
        "size": pictures.image_size,
        "rate": frame_rate,
        "pictures": pictures.jpegs,
        "corrections": [correction_record(each) for each in corrections],
    }
    # No name may end the element that holds it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    assets = files("trackformer.inspecting") / "page"
    page, style, script = (
        (assets / f"inspector.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    page = page.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script).replace("/*DATA*/", text)
    with whole_file(path) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def correction_record(correction: Correction) -> dict[str, object]:
    """As `corrections.json` has it."""
    if isinstance(correction, Join):
        return {"do": "join"} | asdict(correction)
    return {"do": "delete" if isinstance(correction, Delete) else "split"} | asdict(correction)
