"""Recordings and results in stores, with fsspec's store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import Run
from trackformer.cluster.worker import Job, work
from trackformer.errors import DataError
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.videos.many import TrackingChoices
from trackformer.tracking.videos.run import track_video

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
from trackformer.cluster.places import fetch, stored_videos, write_text  # noqa: E402

PLAIN = TrackingChoices(write_video=False, save_every=2)


@pytest.fixture
def store() -> Iterator[object]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def test_folders_and_patterns_of_a_store_are_their_videos(store):
    for name in ("b.mp4", "a.mp4", "notes.txt", "inner/c.mp4"):
        store.pipe_file(f"/videos/{name}", b"")
    assert stored_videos("memory://videos") == ("memory:///videos/a.mp4", "memory:///videos/b.mp4")
    assert stored_videos("memory://videos/a*.mp4") == ("memory:///videos/a.mp4",)
    assert stored_videos("memory://videos/a.mp4") is None


def test_a_store_that_does_not_have_it_says_so_in_one_line(store, tmp_path: Path):
    with pytest.raises(DataError, match=r"^memory://videos/a\.mp4: cannot be read: "):
        fetch("memory://videos/a.mp4", tmp_path)
    with pytest.raises(DataError, match=r"^nowhere://a\.mp4: Protocol not known: nowhere"):
        fetch("nowhere://a.mp4", tmp_path)
    write_text("memory://results/runs.csv", "source\n")
    assert store.cat_file("/results/runs.csv") == b"source\n"


def test_a_stored_recording_is_tracked_as_a_file_is(
    store, make_clip: Callable[..., Path], eager_model: TrackFormer, tmp_path: Path
):
    clip = make_clip(6)
    track_video(eager_model, clip, tmp_path / "alone", write_video=False)
    store.put_file(str(clip), "/videos/clip.mp4")
    job = Job("clip", "memory://videos/clip.mp4", "memory://results/clip")
    outcome = work(lambda: eager_model, job, PLAIN)
    assert (outcome.state, outcome.source) == ("finished", "clip")
    for name in ("tracks.txt", "tracks.jsonl"):
        own = (tmp_path / "alone" / name).read_bytes()
        assert store.cat_file(f"/results/clip/{name}") == own


def test_what_a_lost_worker_left_in_the_store_goes_on(
    store, make_clip: Callable[..., Path], eager_model: TrackFormer, tmp_path: Path, monkeypatch
):
    clip = make_clip(6)
    store.put_file(str(clip), "/videos/clip.mp4")
    track_video(eager_model, clip, tmp_path / "alone", write_video=False)
    job = Job("clip", "memory://videos/clip.mp4", "memory://results/clip")

    class Lost(BaseException):
        """Nothing catches it, as nothing catches a lost machine."""

    with monkeypatch.context() as patched:
        from trackformer.tracking.videos import saved_video

        begin_frame = saved_video.SavedVideo.begin_frame

        def lost_in_frame_5(self, writer):
            begin_frame(self, writer)
            if self.num_frames == 5:
                raise Lost

        patched.setattr(saved_video.SavedVideo, "begin_frame", lost_in_frame_5)
        patched.setattr("trackformer.cluster.worker.STORE_EVERY_S", 0.01)
        with pytest.raises(Lost):
            work(lambda: eager_model, job, PLAIN)
    # What a thread stored meanwhile may be older still: it is what another worker finds.
    again = work(lambda: eager_model, Job(job.name, job.source, job.results, attempt=1), PLAIN)
    assert again.state == "finished"
    for name in ("tracks.txt", "tracks.jsonl"):
        own = (tmp_path / "alone" / name).read_bytes()
        assert store.cat_file(f"/results/clip/{name}") == own


def test_stores_are_for_clusters(run: Run, tmp_path: Path):
    code, _, errors = run("track", "s3://videos/a.mp4", "--output", tmp_path)
    assert (code, errors) == (
        2,
        "error: s3://videos/a.mp4: stores are read and written with --cluster only\n",
    )
    code, _, errors = run("track", "a.mp4", "--output", "s3://results")
    assert (code, errors) == (
        2,
        "error: s3://results: stores are read and written with --cluster only\n",
    )


@pytest.mark.parametrize(
    ("source", "output"), [("nowhere://a.mp4", "results"), ("a.mp4", "nowhere://results")]
)
def test_an_unknown_store_is_refused_before_a_cluster_is_looked_for(
    run: Run, source: str, output: str
):
    code, printed, errors = run("track", source, "--output", output, "--cluster", "local")
    assert (code, printed) == (2, "")
    assert errors.startswith("error: nowhere://")
    assert "Protocol not known: nowhere" in errors
