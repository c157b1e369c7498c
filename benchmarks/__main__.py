"""`python -m benchmarks [SECTION ...]`: measure all parts, or those named; one after another.

Prints tables and keeps everything in OUTPUT/results.json, where later runs replace their sections
only. `--publish` also renews docs/performance.md, docs/benchmarks.json and docs/images/perf_*.png.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.suite.report import tables, write_into_page, write_plots
from benchmarks.suite.sections import SECTIONS, run_section

DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Measure, print, store; 1 if a section failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--output", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument("--publish", action="store_true", help="renew the pages in docs")
    parser.add_argument(
        "--tables-only", action="store_true", help="measure nothing, show what is stored"
    )
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown sections {', '.join(sorted(unknown))}; see --help")
    path: Path = options.output / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {"sections": {}}
    failed = False
    for name in [] if options.tables_only else options.sections or SECTIONS:
        print(f"{name}: {SECTIONS[name].command}", file=sys.stderr, flush=True)
        try:
            results["sections"][name] = run_section(name)
        except subprocess.CalledProcessError as error:
            failed = True
            print(f"{name}: failed with exit code {error.returncode}", file=sys.stderr)
            continue
        results["machine"] = _machine()
        _write(path, results)
    print(tables(results))
    write_plots(results["sections"], options.output)
    if options.publish:
        _publish(results, path)
    return int(failed)


def _publish(results: dict[str, Any], path: Path) -> None:
    write_into_page(DOCS / "performance.md", tables(results))
    write_plots(results["sections"], DOCS / "images")
    shutil.copy(path, DOCS / "benchmarks.json")


def _write(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1))
    partial.replace(path)


def _machine() -> dict[str, str | int]:
    import torch

    cuda = torch.cuda.is_available()
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if cuda else "no GPU",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
