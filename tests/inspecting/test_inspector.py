"""The inspector's page: what it holds, and what Chromium makes of it."""

import json
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

from browser import told_by
from commands import HANGS_S
from trackformer.errors import DataError
from trackformer.inspecting.inspect_run import inspect_run
from trackformer.inspecting.serving import server_of
from trackformer.tracking.settings import TrackerSettings
from trackformer.tracking.tracing.records import RunNames
from trackformer.tracking.videos.run import track_video

NUM_FRAMES = 6


@pytest.fixture(scope="module")
def traced(eager_model, tmp_path_factory):
    """A traced run of a random model on noise, and its page."""
    folder = tmp_path_factory.mktemp("runs") / "out"
    images = folder.parent / "frames"
    images.mkdir(parents=True)
    import cv2

    noise = np.random.default_rng(0).integers(0, 255, (NUM_FRAMES, 48, 64, 3), dtype=np.uint8)
    for index, pixels in enumerate(noise):
        cv2.imwrite(str(images / f"{index:03d}.png"), pixels)
    track_video(
        eager_model,
        images,
        folder,
        TrackerSettings(birth_score=0.05, keep_score=0.05, reid_score=0.05, birth_nms_iou=None),
        trace=RunNames("tiny", str(images)),
        write_video=False,
    )
    inspect_run(folder)
    return folder


def ids_in(folder):
    lines = [json.loads(line) for line in (folder / "tracks.jsonl").read_text().splitlines()]
    return sorted({each["track_id"] for line in lines for each in line["objects"]})


def test_the_page_asks_no_network_for_anything(traced):
    text = (traced / "inspector.html").read_text()
    beyond = text.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in beyond
    assert "https://" not in beyond
    assert "/*DATA*/" not in text


def test_there_is_a_lane_for_every_identity_and_a_box_for_every_object(traced, tmp_path):
    script = (
        "return JSON.stringify([...document.querySelectorAll('.lane')].map((l) => +l.dataset.id))"
    )
    assert json.loads(told_by(traced / "inspector.html", script, tmp_path)) == ids_in(traced)


def test_a_click_on_a_lane_tells_the_reason_and_a_key_moves_on(traced, tmp_path):
    script = """
    document.querySelector('.lane rect').dispatchEvent(new MouseEvent('click', {bubbles: true}));
    document.querySelector('#slider').value = 0;
    document.querySelector('#slider').dispatchEvent(new Event('input'));
    const first = document.querySelector('#why').textContent;
    document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));
    return JSON.stringify([first, document.querySelector('#why').textContent,
                           document.querySelector('#clock').textContent]);
    """
    born, kept, clock = json.loads(told_by(traced / "inspector.html", script, tmp_path))
    assert "born: sure enough" in born
    assert "keep_score 0.05" in kept
    assert clock.startswith("frame 1 of 5")


def test_corrections_made_in_the_page_come_back_as_they_are_read(traced, tmp_path):
    first, second = ids_in(traced)[:2]
    script = f"""
    choose({first}, 0);
    document.querySelector('#join').click();
    choose({second}, 0);
    choose({first}, 0);
    go(2);
    document.querySelector('#split').click();
    document.querySelector('#delete').click();
    document.querySelector('#undo').click();
    const lanes = [...document.querySelectorAll('.lane')].map((lane) => +lane.dataset.id);
    return JSON.stringify([lanes, JSON.parse(content())]);
    """
    lanes, made = json.loads(told_by(traced / "inspector.html", script, tmp_path))
    new = max(ids_in(traced)) + 1
    assert made == {
        "corrections": [
            {"do": "join", "track": first, "other": second},
            {"do": "split", "track": first, "frame_index": 2, "new": new},
        ]
    }
    assert second not in lanes
    assert new in lanes


def test_the_search_finds_a_frame(traced, tmp_path):
    script = "search('frame 3'); return document.querySelector('#clock').textContent;"
    assert told_by(traced / "inspector.html", script, tmp_path).startswith("frame 3 of 5")


def test_a_trace_of_other_tracks_is_refused(traced, tmp_path):
    for name in ("tracks.jsonl", "trace.jsonl", "trace_queries.f32"):
        (tmp_path / name).write_bytes((traced / name).read_bytes())
    text = (tmp_path / "tracks.jsonl").read_text()
    (tmp_path / "tracks.jsonl").write_text(text.replace('"track_id": 1,', '"track_id": 9999,'))
    with pytest.raises(DataError, match="knows nothing of #9999 in frame 0"):
        inspect_run(tmp_path)


def test_two_runs_stand_side_by_side(traced, tmp_path):
    made = inspect_run(traced, beside=[traced])
    script = "return document.querySelectorAll('.view').length + ' ' + data.runs.length;"
    assert told_by(made.page, script, tmp_path) == "2 2"


@pytest.fixture
def address(tmp_path):
    server = server_of(tmp_path, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def put(address, content, **headers):
    request = urllib.request.Request(
        f"{address}/corrections.json", data=content, method="PUT", headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=HANGS_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_server_saves_corrections_of_its_own_page_alone(address, tmp_path):
    good = b'{"corrections": [{"do": "delete", "track": 1}]}'
    assert put(address, good) == 204
    assert (tmp_path / "corrections.json").read_bytes() == good
    assert put(address, b'{"corrections": [{"do": "fly"}]}') == 400
    assert put(address, good, Origin="http://elsewhere.example") == 403
    assert (tmp_path / "corrections.json").read_bytes() == good


def test_a_folder_without_tracks_is_refused_in_one_line(run, tmp_path):
    code, _, error = run("inspect", tmp_path)
    assert code == 2
    assert "tracks.jsonl: cannot be read" in error
    assert error.count("\n") == 1
