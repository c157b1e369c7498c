"""Videos drawn on the spot and written as MOTChallenge sequences."""

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64
SIDE = 14
COLOURS = ((230, 40, 40), (40, 80, 230))


def positions(num_frames: int) -> np.ndarray:
    """(frame, object, xy) of the top left corners: two squares that pass through each other."""
    along = np.linspace(4, WIDTH - SIDE - 4, num_frames).round()
    first = np.stack([along, np.full(num_frames, 12)], axis=1)
    second = np.stack([along[::-1], np.full(num_frames, 21)], axis=1)
    return np.stack([first, second], axis=1)


def write_crossing(folder: Path, num_frames: int = 10) -> Path:
    """One sequence in which a red and a blue square cross; the red one is in front."""
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    rows = []
    for frame, corners in enumerate(positions(num_frames), start=1):
        pixels = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
        for identity in (2, 1):
            x, y = corners[identity - 1].astype(int)
            pixels[y : y + SIDE, x : x + SIDE] = COLOURS[identity - 1]
            rows.append(f"{frame},{identity},{x + 1},{y + 1},{SIDE},{SIDE},1,1,1")
        cv2.imwrite(str(folder / "img1" / f"{frame:06d}.png"), pixels[..., ::-1])
    (folder / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=10\nseqLength={num_frames}\n"
        f"imWidth={WIDTH}\nimHeight={HEIGHT}\nimExt=.png\n"
    )
    return folder
