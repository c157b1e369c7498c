"""`trackformer info`: what a report of a bug should begin with."""

from __future__ import annotations

import argparse
from typing import Final

SUMMARY: Final = "Show versions, devices and bundled models."


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_options: argparse.Namespace) -> int:
    """Versions, devices and bundled models: what a report of a bug should begin with."""
    import os
    import platform
    from importlib.metadata import version

    from trackformer.checkpoints.load import bundled_models
    from trackformer.devices import available_devices
    from trackformer.freed_memory import why_freed_memory_is_returned
    from trackformer.models.ms_deform_attn.choice import describe_implementations

    packages = ("trackformer", "torch", "torchvision", "transformers", "accelerate", "av", "numpy")
    rows = {name: version(name) for name in packages}
    rows["python"] = f"{platform.python_version()} on {platform.platform()}"
    rows["devices"] = ", ".join(available_devices())
    rows["bundled models"] = ", ".join(bundled_models()) or "none"
    reason = why_freed_memory_is_returned(os.environ)
    rows["freed memory"] = (
        "kept by verbs that run a network" if reason is None else f"left as it is: {reason}"
    )
    for name, text in rows.items():
        print(f"{name:15} {text}")
    print("deformable attention (ms_deform_attn)")
    for name, text in describe_implementations().items():
        print(f"  {name:13} {text}")
    return 0
