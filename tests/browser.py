"""How tests open a page in Chromium; they are skipped with a word where there is none."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from commands import HANGS_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--virtual-time-budget=5000",
)


def needs_browser() -> str:
    """The program; skips the test where it is missing."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("needs Chromium (apt-get install chromium)")


def told_by(page: Path, script: str, folder: Path) -> str:
    """What a script answers that runs behind those of a page, as if a user had clicked.

    `script` is the body of an async function, and returns text.
    """
    program = needs_browser()
    asked = folder / "asked.html"
    answer = (
        "<script>(async () => { const made = document.createElement('pre');"
        f"try {{ made.textContent = 'told:' + await (async () => {{ {script} }})(); }}"
        "catch (error) { made.textContent = 'told:failed: ' + error; }"
        "made.id = 'told'; document.body.append(made); })();</script></body>"
    )
    asked.write_text(page.read_text(encoding="utf-8").replace("</body>", answer), encoding="utf-8")
    command = [program, *FLAGS, f"--user-data-dir={folder / 'browser'}", "--dump-dom"]
    shown = subprocess.run(
        [*command, asked.as_uri()], capture_output=True, text=True, timeout=HANGS_S, check=True
    )
    found = re.search(r'<pre id="told">told:(.*?)</pre>', shown.stdout, re.DOTALL)
    assert found, shown.stdout[-2000:] + shown.stderr[-2000:]
    return html.unescape(found[1])
