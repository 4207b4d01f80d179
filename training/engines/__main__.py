"""Generate speech with every engine: ``python -m training.engines --out training/work/engines [--only NAME]``."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import webrtcvad

from training.engines.catalogue import Engine, System, read_engines
from training.engines.install import CannotInstallError, install
from training.synthetic import attacks

_SEED = 20261124
_WORK = Path(__file__).parents[1] / "work"
_LEAST_NET_SPEECH_S = 1.5
_LIMIT_S = 900
_COLUMNS = ("path", "system", "family", "voice", "language", "licence", "text", "pair")


@dataclass(frozen=True)
class Request:
    """One clip to make."""

    name: str
    """Three digits."""
    voice: str
    language: str
    text: str
    """What is said; empty for a copy."""
    pair: str
    """The genuine clip that is copied, relative to the data folder; empty for speech from text."""
    speed: float
    """1 is the voice's own."""


def main() -> None:
    """Make the clips that are missing, bring them to the corpus' form, write ``manifest.csv``."""
    parser = argparse.ArgumentParser(prog="python -m training.engines")
    parser.add_argument("--out", type=Path, default=_WORK / "engines")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEGUARD_DATA", "../shared/data")))
    parser.add_argument("--only", metavar="NAME", help="one engine of engines.toml; the others keep what they have")
    arguments = parser.parse_args()
    with (arguments.data / "train.csv").open(newline="") as file:
        corpus = list(csv.DictReader(file))
    rows = []
    for engine in read_engines():
        asked = {system.name: list(requests(system, corpus)) for system in engine.systems}
        if arguments.only in (None, engine.name):
            _speak(engine, asked, arguments.out, arguments.data)
        for system in engine.systems:
            kept = list(_finished(engine, system, asked[system.name], arguments.out))
            print(f"{system.name}: {len(kept)} of {system.clips} clips kept")
            rows += kept
    with (arguments.out / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def requests(system: System, corpus: list[dict[str, str]]) -> Iterator[Request]:
    """What is asked of a system: voices in turn, sentences and speeds by chance; the same every time."""
    rng = _random(system.name)
    spoken = tomllib.loads(Path(__file__).with_name("sentences.toml").read_text())
    # Four seconds of speech are some sixty letters.
    spoken["en"] = [text for text in attacks.texts(corpus) if 40 <= len(text) <= 100]
    genuine = [row["path"] for row in corpus if row["label"] == "bonafide" and float(row["dur_s"]) > 2]
    voices = list(system.voices.items())
    for index in range(system.clips):
        voice, language = voices[index % len(voices)]
        said = "" if system.copies else str(rng.choice(spoken[language]))
        pair = str(rng.choice(genuine)) if system.copies else ""
        yield Request(f"{index:03d}", voice, language, said, pair, round(float(rng.uniform(0.85, 1.2)), 2))


def _speak(engine: Engine, asked: dict[str, list[Request]], out: Path, data: Path) -> None:
    """Have the engine's driver write the wav files that are missing."""
    missing = {
        system: [request for request in wanted if not _spoken(out, system, request).exists()]
        for system, wanted in asked.items()
    }
    if not any(missing.values()):
        return
    try:
        command = install(engine, _WORK / "venvs", _WORK / "wheels")
    except CannotInstallError as error:
        print(f"{engine.name}: {error}")
        return
    for system, wanted in missing.items():
        folder = out / "spoken" / system
        folder.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(_as_sent(request, data)) + "\n" for request in wanted)
        try:
            subprocess.run(
                ["nice", *command, folder.resolve()], input=lines, text=True, check=True, capture_output=True,
                timeout=_LIMIT_S, env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            print(f"{system}: {(error.stderr.strip().splitlines() or ['stopped without a word'])[-1]}")
        except subprocess.TimeoutExpired:
            print(f"{system}: took more than {_LIMIT_S} s; asking again goes on from here")


def _as_sent(request: Request, data: Path) -> dict[str, Any]:
    """A request as drivers read it."""
    sent = {"name": request.name, "voice": request.voice, "language": request.language, "speed": request.speed}
    if request.pair:
        return {**sent, "original": str((data / request.pair).resolve())}
    return {**sent, "text": request.text}


def _spoken(out: Path, system: str, request: Request) -> Path:
    """Where the driver writes."""
    return out / "spoken" / system / f"{request.name}.wav"


def _finished(engine: Engine, system: System, wanted: list[Request], out: Path) -> Iterator[dict[str, str]]:
    """Bring what was spoken to the corpus' form; a row of the manifest for each clip that has speech in it."""
    for request in wanted:
        spoken = _spoken(out, system.name, request)
        path = out / system.name / f"{request.name}.flac"
        path.unlink(missing_ok=True)
        if not spoken.exists():
            continue
        samples, rate = soundfile.read(spoken, dtype="float32", always_2d=True)
        mono = attacks.to_8_khz(samples.mean(1), rate)
        if not mono.any():
            continue
        clip = attacks.like_the_corpus(mono, _random(f"{system.name}/{request.name}"))
        if net_speech_s(clip) < _LEAST_NET_SPEECH_S:
            continue
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, clip, attacks.RATE_HZ)
        yield {
            "path": str(path.relative_to(out)), "system": system.name, "family": system.family, "voice": request.voice,
            "language": request.language, "licence": engine.licence, "text": request.text, "pair": request.pair,
        }  # fmt: skip


def net_speech_s(samples: attacks.Samples) -> float:
    """Seconds that webrtcvad (mode 2, frames of 20 ms) takes for speech; ``samples`` are float32 at 8 kHz."""
    vad = webrtcvad.Vad(2)
    frame = attacks.RATE_HZ // 50
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    pcm = np.clip(frames * 32767, -32768, 32767).astype(np.int16)
    return float(sum(vad.is_speech(piece.tobytes(), attacks.RATE_HZ) for piece in pcm)) / 50


def _random(name: str) -> np.random.Generator:
    """A generator of its own for each system and clip, so that the order of work does not matter."""
    return np.random.default_rng([_SEED, zlib.crc32(name.encode())])


if __name__ == "__main__":
    main()
