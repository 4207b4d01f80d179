"""`python -m benchmarks.speech DATA MUSIC`: net speech heard of genuine speech, and false speech a minute by kind.

DATA is the shared data folder, MUSIC a folder of 8 kHz WAV files of Debian's asterisk-moh-opsound-wav. Speech is of
dev; noise and music are what training held out. Results go to benchmarks/results/speech.json.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from training.speech.blocks import VOICES, held_out, read, voiced_frames
from training.speech.streams import rows
from training.speech.tones import KINDS, Samples
from training.synthetic.channels import add_noise, g711
from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec

RESULTS = Path(__file__).parents[1] / "results" / "speech.json"
SEED = 20261202
CALLS = 40
CLIPS = 4
TONE_S = 30.0
_EVERY_FRAME = WindowSpec("synthetic_voice", 0.02, 0.02, 0.02)
_CHECK = load_check(MODELS_FOLDER)


def net(samples: Samples) -> set[int]:
    """Where the frames of net speech of a whole channel in mu-law start."""
    track = SpeechTrack(SpeechOptions(), (_EVERY_FRAME,), _CHECK)
    windows = [*track.feed(g711(samples, "ULAW")), *track.finish()]
    return {round(window.end_s * 8000) - 160 for window in windows}


def calls(data: Path, rng: np.random.Generator) -> list[Samples]:
    """Callers of dev: clips of one source, with pauses of 0.3 to 1 s, at -26 dBFS."""
    people = [row for row in rows(data / "dev.csv") if row["label"] == "bonafide"]
    made = []
    for _ in range(CALLS):
        first = int(rng.integers(len(people) - CLIPS))
        parts: list[Samples] = [np.zeros(4000, np.float32)]
        for row in people[first : first + CLIPS]:
            clip = read(data / row["path"])
            parts += [clip * np.float32(0.05 / (clip.std() + 1e-6)), np.zeros(int(rng.uniform(2400, 8000)), np.float32)]
        made.append(np.clip(np.concatenate(parts), -1, 1))
    return made


def heard(data: Path, noises: list[Samples], rng: np.random.Generator) -> dict[str, float]:
    """Share of the clean voice's frames that count, by signal-to-noise ratio in dB."""
    made, shares = calls(data, rng), {}
    for snr in (None, 25, 15, 10, 5):
        found = total = 0
        for samples in made:
            frames = voiced_frames(samples)
            noisy = samples if snr is None else add_noise(samples, noises[int(rng.integers(len(noises)))], snr, rng)
            found, total = found + len(frames & net(noisy)), total + len(frames)
        shares["clean" if snr is None else f"{snr} dB"] = round(found / total, 4)
    return shares


def false_speech(data: Path, moh: Path, rng: np.random.Generator) -> dict[str, float]:
    """Seconds of net speech a minute of what is no speech, by kind."""
    seconds: dict[str, list[float]] = {}

    def add(kind: str, samples: Samples) -> None:
        net_s, whole = seconds.setdefault(kind, [0.0, 0.0])
        seconds[kind] = [net_s + 0.02 * len(net(samples)), whole + len(samples) / 8000]

    for row in rows(data / "noise.csv"):
        if held_out(row["path"]) and row["class"] not in (VOICES, "misc", "train", "hold_music"):
            noise = read(data / row["path"])
            add(row["class"], np.resize(noise * np.float32(0.05 / (noise.std() + 1e-6)), 80000).clip(-1, 1))
    piece = read(moh / "macroform-robot_dity.wav")
    add("music on hold (held-out piece)", piece)
    for kind, make in KINDS.items():
        for _ in range(6):
            tones = make(TONE_S, rng)
            add(kind, tones)
            add(kind + ", noise 20 dB below", add_noise(tones, rng.standard_normal(80000).astype(np.float32), 20, rng))
    return {kind: round(60 * net_s / whole, 2) for kind, (net_s, whole) in sorted(seconds.items())}


def main(data: Path, moh: Path) -> None:
    """Measure and write the results."""
    rng = np.random.default_rng(SEED)
    noises = [read(data / row["path"]) for row in rows(data / "noise.csv")
              if held_out(row["path"]) and row["class"] not in (VOICES, "misc", "train", "hold_music")]
    call = g711(np.concatenate(calls(data, rng)[:20]), "ULAW")
    began = time.process_time()
    net(call)
    cost = 1000 * (time.process_time() - began) / (len(call) / 8000)
    results = {
        "speech_check": json.loads((MODELS_FOLDER / "speech-check" / "check.json").read_text())["sha256"][:12],
        "genuine_speech_heard": heard(data, noises, rng),
        "false_speech_s_per_minute": false_speech(data, moh, rng),
        "cpu_ms_per_second_of_audio": round(cost, 2),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
