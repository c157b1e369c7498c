"""What `mkdocs build` adds to the pages: equations as MathML, and which version they describe.

Equations stand in pages as fenced blocks of `math`, which hosts of repositories draw as they are;
a browser draws MathML by itself, without a script and without the network.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
EQUATION = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every page says in its foot which version it is about."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config.copyright = f"trackformer {project['version']}"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The changelog is a page of the site, with links as they are from there."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    note = (
        "These pages describe the version in their foot, with what stands under *Unreleased* where "
        "they were built in between. For the pages of another one, check out its tag and run "
        "`make docs`: a site holds one version, and opens from disk.\n"
    )
    heading, rest = changes.split("\n", 1)
    files.append(File.generated(config, "versions.md", content=f"{heading}\n\n{note}{rest}"))
    return files


def on_page_markdown(markdown: str, **_page: Any) -> str:
    """Equations as MathML."""
    return EQUATION.sub(lambda found: _equation(found[1]), markdown)


def _equation(latex: str) -> str:
    drawn = convert(latex.strip(), display="block")
    return f'<div style="overflow-x: auto; font-size: 115%">{drawn}</div>'
