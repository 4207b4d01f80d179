"""A replay on a real Ray cluster of two nodes gives the bytes that it gives here: `make test-ray`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.calls import short_set
from voiceguard.analysis.replay.command import Wish, replay_callset
from voiceguard.settings import Settings

pytest.importorskip("ray", reason="ray is not installed: `make test-ray` installs it and runs this test")


@pytest.mark.timeout(300)
def test_two_nodes_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One core each, so that both have to work; workers beyond their number are not waited for."""
    from ray.cluster_utils import Cluster

    short_set(tmp_path, "08-too-little-speech", "01-balance", "04-synthetic-kokoro", "05-synthetic-piper", seconds=8.0)
    (tmp_path / "01-balance.wav").write_bytes(b"no audio")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        replay_callset(Wish(tmp_path, tmp_path / "ray", engine="ray", jobs=3), Settings())
    finally:
        cluster.shutdown()
    replay_callset(Wish(tmp_path, tmp_path / "local", jobs=1), Settings())

    for name in ("metrics.json", "calls.csv"):
        assert (tmp_path / "local" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()
