"""Where VisDrone and UAVDT keep their annotations and images: one text file for each sequence."""

from __future__ import annotations

from pathlib import Path

from trackformer.data.formats.mot.columns import UAVDT_FILE_END

VISDRONE_LABELS, VISDRONE_IMAGES = "annotations", "sequences"
UAVDT_IMAGES = "UAV-benchmark-M"


def benchmark_files(path: Path) -> list[Path]:
    """The annotation files that a folder of one of the two means; none in any other folder."""
    if (path / VISDRONE_LABELS).is_dir() and (path / VISDRONE_IMAGES).is_dir():
        return sorted((path / VISDRONE_LABELS).glob("*.txt"))
    return sorted(path.glob(f"*{UAVDT_FILE_END}.txt"))


def benchmark_name(file: Path) -> str:
    """What the sequence of a file is called."""
    return file.stem.removesuffix(UAVDT_FILE_END)


def benchmark_images(file: Path) -> Path | None:
    """The folder of the images of a file, if it is in a place where one of the two has it."""
    name, root = benchmark_name(file), file.resolve().parent.parent
    if file.resolve().parent.name == VISDRONE_LABELS:
        choices = [root / VISDRONE_IMAGES / name]
    else:
        choices = [root / UAVDT_IMAGES / name] if name != file.stem else []
    return next((folder for folder in choices if folder.is_dir()), None)
