"""Step 1: gather genuine and synthetic speech, make the attacks that are missing, write shards of samples."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.synthetic import attacks
from training.synthetic.settings import Settings, read_settings, sha256_of

# 60 MB of 16-bit samples: small enough to be carried to another machine.
_SHARD_SAMPLES = 30_000_000


def main() -> None:
    """Write ``shard-*.npy``, ``clips.csv`` and ``noise.npz`` to the work folder."""
    settings = read_settings("prepare")
    rows: list[dict[str, Any]] = []
    pending: list[NDArray[np.int16]] = []
    shard = start = 0
    for row, samples in _clips(settings):
        if start + len(samples) > _SHARD_SAMPLES:
            np.save(settings.work / f"shard-{shard:02d}.npy", np.concatenate(pending))
            pending, start, shard = [], 0, shard + 1
        pending.append(np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16))
        rows.append({**row, "shard": shard, "start": start, "length": len(samples)})
        start += len(samples)
    np.save(settings.work / f"shard-{shard:02d}.npy", np.concatenate(pending))
    with (settings.work / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _write_noise(settings)
    print(f"{len(rows)} clips, sha256 {prepared_hash(settings.work)}")


def prepared_hash(work: Path) -> str:
    """Hash of everything that this step wrote."""
    return sha256_of(*sorted(work.glob("shard-*.npy")), work / "clips.csv", work / "noise.npz")


def _clips(settings: Settings) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
    with (settings.data / "train.csv").open(newline="") as file:
        corpus = list(csv.DictReader(file))
    source_of = {row["path"]: row["source"] for row in corpus}
    for row in corpus:
        # A copy stays in the fold of its original.
        page = source_of.get(row["pair"], row["source"])
        # Codec language models end in the very decoders that made the resynth clips: for training they are attacks.
        label = "bonafide" if row["label"] == "bonafide" else "spoof"
        yield _row(label, row["kind"], row["system"], row["source"], page), _read(settings.data / row["path"])
    yield from _attacks(settings, corpus)


def _attacks(settings: Settings, corpus: list[dict[str, str]]) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
    rng = np.random.default_rng(settings.seed)
    wanted = settings.config["attacks"]
    sentences = attacks.texts(corpus)
    for index in range(wanted["espeak"]):
        language = attacks.ESPEAK_LANGUAGES[index % len(attacks.ESPEAK_LANGUAGES)]
        made = attacks.espeak(sentences[rng.integers(len(sentences))], language, rng)
        row = _row("spoof", "tts", "espeak-ng", "made-espeak", "made-espeak")
        yield row, attacks.like_the_corpus(made, rng)
    for index in range(wanted["flite"]):
        voice = attacks.FLITE_VOICES[index % len(attacks.FLITE_VOICES)]
        made = attacks.flite(sentences[rng.integers(len(sentences))], voice)
        row = _row("spoof", "tts", "flite", "made-flite", "made-flite")
        yield row, attacks.like_the_corpus(made, rng)
    genuine = [row for row in corpus if row["label"] == "bonafide"]
    for system in ("world", "griffin_lim"):
        for index in rng.choice(len(genuine), wanted[system], replace=False):
            original = _read(settings.data / genuine[index]["path"])
            made = attacks.world_copy(original) if system == "world" else attacks.griffin_lim_copy(original, rng)
            row = _row("spoof", "vocoder", system, f"made-{system}", genuine[index]["source"])
            yield row, attacks.like_the_corpus(made, rng)


def _row(label: str, kind: str, system: str, source: str, page: str) -> dict[str, Any]:
    return {"label": label, "kind": kind, "system": system, "source": source, "page": page}


def _read(path: Path) -> NDArray[np.float32]:
    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, dtype=np.float32)


def _write_noise(settings: Settings) -> None:
    with (settings.data / "noise.csv").open(newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    np.savez(
        settings.work / "noise.npz", *(np.round(_read(settings.data / path) * 32767).astype(np.int16) for path in paths)
    )


if __name__ == "__main__":
    main()
