"""docs/serve.md: its clients, taken from the page, get tracks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving.conftest import Begin, pictures, png

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"
ADDRESS = "127.0.0.1:8021"


def test_the_clients_of_the_page_get_tracks(begin: Begin, capsys: pytest.CaptureFixture[str]):
    client = begin()
    over_http, over_websocket = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    here = str(client.base_url).rstrip("/").removeprefix("http://")
    known = {"pictures": [png(each) for each in pictures(2)]}
    assert ADDRESS in over_http
    exec(over_http.replace(ADDRESS, here), known)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"0 1 (person|dog) \[.*\]", lines[0])
    assert ADDRESS in over_websocket
    exec(over_websocket.replace(ADDRESS, here), known)
    next_frame, *answers = capsys.readouterr().out.splitlines()
    assert next_frame == "2"
    assert len(answers) == 2
