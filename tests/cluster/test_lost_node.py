"""Three nodes, one of which is lost while it works: all recordings complete, bit for bit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import HANGS_S
from trackformer.models.trackformer import TrackFormer
from trackformer.tracking.videos.many import TrackingChoices, track_many
from trackformer.verbs.flags.many import ModelChoice

# Nodes have a time to start in, which a busy machine does not keep.
os.environ.setdefault("RAY_raylet_start_wait_time_s", "600")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'trackformer[cluster]'")
from ray.cluster_utils import Cluster  # noqa: E402

from trackformer.cluster.run import ClusterChoice, track_on_cluster  # noqa: E402
from trackformer.cluster.worker import Job  # noqa: E402

NUM_VIDEOS = 4
NUM_FRAMES = 25
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's own
def test_a_lost_node_loses_nothing(
    cluster: Cluster,
    make_clip: Callable[..., Path],
    eager_model: TrackFormer,
    model_file: Path,
    tmp_path: Path,
):
    others = [cluster.add_node(**NODE) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    names = [f"{number}.mp4" for number in range(NUM_VIDEOS)]
    clips = [make_clip(NUM_FRAMES, name) for name in names]
    load = ModelChoice(str(model_file), "cpu", "float32", None)
    choices = TrackingChoices(write_video=False, save_every=5)
    jobs = [
        Job(name, str(clip), str(tmp_path / "out" / name))
        for name, clip in zip(names, clips, strict=True)
    ]
    remarks: list[str] = []

    is_lost = threading.Event()

    def lose_a_node() -> None:
        # As soon as all three work.
        end = time.monotonic() + HANGS_S
        while len(list((tmp_path / "out").rglob("state.safetensors"))) < 3:
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        cluster.remove_node(others[0], allow_graceful=False)
        is_lost.set()

    losing = threading.Thread(target=lose_a_node)
    losing.start()
    found = list(
        track_on_cluster(load, jobs, choices, ClusterChoice(cluster.address), remarks.append)
    )
    losing.join()
    assert is_lost.is_set()
    assert sorted((each.source, each.state) for each in found) == [
        (name, "finished") for name in names
    ]
    alone = [tmp_path / "alone" / name for name in names]
    list(track_many(load, [str(each) for each in clips], alone, choices))
    for name, folder in zip(names, alone, strict=True):
        for file in ("tracks.txt", "tracks.jsonl"):
            assert (tmp_path / "out" / name / file).read_bytes() == (folder / file).read_bytes()
    assert all("its worker was lost; it goes on elsewhere" in each for each in remarks)
