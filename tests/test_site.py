"""The documentation as a site: it builds strictly, and its API reference is complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import trackformer
from commands import HANGS_S

ROOT = Path(__file__).parents[1]


def test_every_public_name_is_in_the_api_reference():
    named = re.findall(r"^::: \S+\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    assert set(trackformer.__all__) - {"__version__"} <= set(named)


@pytest.mark.slow
def test_the_site_builds_without_a_broken_link_and_asks_no_network(tmp_path):
    site = tmp_path / "site"
    made = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    fetched = r'(?:<script[^>]*src|<link[^>]*rel="stylesheet"[^>]*href|<img[^>]*src)="https?:'
    for page in site.rglob("*.html"):
        assert not re.findall(fetched, page.read_text(encoding="utf-8")), page
    assert "Take the next frame" in (site / "api.html").read_text(encoding="utf-8")
    equations = (site / "how-it-works.html").read_text(encoding="utf-8")
    assert equations.count("<math") > 5
    assert "language-math" not in equations
    assert "def matching_cost" in re.sub("<[^>]+>", "", (site / "code.html").read_text("utf-8"))
    assert "0.1.0" in (site / "versions.html").read_text(encoding="utf-8")
