"""What another detector saw: public detections and proposals, read before anything slower."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trackformer.tracking.lifecycle.public_detections import PublicDetections
    from trackformer.tracking.proposals.places import ProposalSource

OWN_FILES: Final = ""
OWN_FILE: Final = "det/det.txt"
PROPOSAL_SCORE: Final = 0.3
"""Below it, detectors mostly see what is not there."""


def given_public_detections(options: argparse.Namespace) -> PublicDetections | None:
    """The given detection file, read before anything slower starts."""
    if options.public_detections is None:
        return None
    from trackformer.tracking.lifecycle.public_detections import read_public_detections

    return read_public_detections(options.public_detections)


def given_proposals(options: argparse.Namespace) -> Sequence[ProposalSource | None]:
    """Another detector for each source, or what it answered, read before anything slower starts."""
    from trackformer.errors import ConfigError

    given, sources = options.proposals, options.sources
    if given is None:
        if options.proposal_score is not None:
            raise ConfigError("--proposal-score: only with --proposals")
        return [None] * len(sources)
    from trackformer.tracking.proposals.onnx_detector import OnnxProposals
    from trackformer.tracking.proposals.places import read_proposals

    score = PROPOSAL_SCORE if options.proposal_score is None else options.proposal_score
    if given == OWN_FILES:
        return [read_proposals(Path(source, OWN_FILE), score) for source in sources]
    if Path(given).suffix.lower() == ".onnx":
        return [OnnxProposals(Path(given), score)] * len(sources)
    if len(sources) > 1:
        raise ConfigError(
            f"--proposals: expected one SOURCE for one file of detections, got {len(sources)}; "
            f"without a file, each sequence's own {OWN_FILE} is read"
        )
    return [read_proposals(Path(given), score)]
