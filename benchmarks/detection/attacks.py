"""How decisions move when the speech is tampered with: ``python -m benchmarks.detection.attacks``.

A fixed choice of attacks of the development set, evenly over systems, and of genuine clips, evenly over sources, goes
through each transform, then through mu-law and the running system's own speech detection; the first 4 s of net speech
are scored. A decision is whether the LLR reaches the threshold at which as many untouched spoofs of that choice are
missed as genuine clips are flagged.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection import transforms
from benchmarks.detection.conditions import (
    Recording,
    add_noise,
    read_clips,
    read_noises,
    read_samples,
    seed_of,
    through,
)
from benchmarks.detection.report import ATTACKS
from benchmarks.detection.scoring import default_models, kept, load_detector
from benchmarks.results_file import as_lines, commit
from voiceguard.events import RATE_HZ, Samples
from voiceguard.measures import metrics
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec
from voiceguard.speech.vad import FRAME_S

SEED = 20261124
UNTOUCHED = "untouched"
_TALKERS = 6
_LEVELS = 4
"""Of the results that are spread over lines: models, a model, its transforms, a transform."""


@dataclass(frozen=True)
class Surroundings:
    """What a transform may mix into one clip."""

    rng: np.random.Generator
    music: Sequence[Samples]
    genuine: Sequence[Samples]
    """Speech of other genuine clips, of the same page where there are any, else of all."""


Transform = Callable[[Samples, Surroundings], Samples]


def tampering() -> dict[str, Transform]:
    """Every transform by name; those that mix genuine words in say nothing of genuine callers."""
    table: dict[str, Transform] = {UNTOUCHED: lambda samples, _: samples}
    table["replayed by a loudspeaker"] = lambda samples, near: transforms.replay(samples, near.rng)
    for semitones in (-2, -1, 1, 2):
        table[f"pitch {semitones:+d} semitones"] = _with(transforms.shift_pitch, float(semitones))
    for factor in (0.9, 1.1):
        table[f"speed x {factor}"] = _with(transforms.speed, factor)
    for snr_db in (20, 10, 5):
        table[f"white noise {snr_db} dB"] = _white(snr_db)
        table[f"babble {snr_db} dB"] = _babble(snr_db)
    table["hold music 10 dB"] = lambda samples, near: add_noise(
        samples, _any(near.music, near.rng), 10, near.rng
    )
    for edge_hz in (2500, 2000):
        table[f"low-pass {edge_hz} Hz"] = _with(transforms.low_pass, float(edge_hz))
    table["pauses of 0.5 s, room tone"] = lambda samples, _: transforms.stuff_pauses(
        samples, transforms.room_tone(samples, 0.5)
    )
    table["pauses of 0.5 s, digital silence"] = lambda samples, _: transforms.stuff_pauses(
        samples, np.zeros(RATE_HZ // 2, np.float32)
    )
    table["bursts of 0.4 s"] = lambda samples, _: transforms.bursts(samples)
    for share in (0.25, 0.5, 0.75):
        table[f"{share:.0%} synthetic, rest genuine"] = _mixed(share)
    table["gsm, opus, pcmu in tandem"] = lambda samples, _: transforms.tandem(samples)
    table["overdriven, 5 % of samples"] = lambda samples, _: transforms.overdrive(samples)
    for decibels in (-20, 10):
        table[f"level {decibels:+d} dB"] = _with(transforms.gain, float(decibels))
    return table


def choose(clips: Iterable[Recording], group: Callable[[Recording], str], count: int) -> list[Recording]:
    """As many clips as wanted, one of each group in turn, in a random order that hangs on the clips' names alone."""
    turns: dict[str, int] = {}
    ranked = []
    for clip in sorted(clips, key=lambda clip: (seed_of(clip), clip.paths)):
        turn = turns[group(clip)] = turns.get(group(clip), -1) + 1
        ranked.append((turn, seed_of(clip), clip))
    return [clip for *_, clip in sorted(ranked, key=lambda entry: entry[:2])[:count]]


def first_speech(samples: Samples) -> Samples | None:
    """The first 4 s of net speech, or all where there is less; None where there is not even a third of a second."""
    track = SpeechTrack(SpeechOptions(), (_EVERY_FRAME,))
    windows = [window.samples for window in track.feed(samples) if window.end_net_s <= _EVERY_FRAME.window_s + 1e-6]
    return windows[-1] if windows else None


def moved(spoof: NDArray[np.float64], genuine: NDArray[np.float64] | None,
          untouched_spoof: NDArray[np.float64], untouched_genuine: NDArray[np.float64]) -> dict[str, Any]:
    """What a transform did to LLRs (n,) of the same clips in the same order; without `genuine`, to spoofs alone."""
    threshold = equal_error_threshold(untouched_spoof, untouched_genuine)
    caught, passed = untouched_spoof >= threshold, untouched_genuine < threshold
    row: dict[str, Any] = {
        "spoof_llr_shift": float((spoof - untouched_spoof).mean()),
        "caught_now_missed": float((spoof[caught] < threshold).mean()),
        "missed_now_caught": float((spoof[~caught] >= threshold).mean()),
        "eer_spoofs_alone": metrics.eer(spoof, untouched_genuine),
    }
    if genuine is not None:
        row |= {
            "genuine_llr_shift": float((genuine - untouched_genuine).mean()),
            "passed_now_flagged": float((genuine[passed] >= threshold).mean()),
            "flagged_now_passed": float((genuine[~passed] < threshold).mean()),
            "eer_both": metrics.eer(spoof, genuine),
        }
    return row


def equal_error_threshold(spoof: NDArray[np.float64], genuine: NDArray[np.float64]) -> float:
    """The first threshold at which no fewer spoofs are missed than genuine clips are flagged."""
    miss, false_alarm, thresholds = metrics.det_curve(spoof, genuine)
    return float(thresholds[np.argmax(miss >= false_alarm)])


@dataclass(frozen=True)
class Chosen:
    """The clips that are tampered with, and what may be mixed in."""

    spoofs: Sequence[Recording]
    genuine: Sequence[Recording]
    bonafide: Sequence[Recording]
    """All genuine clips."""
    audio: Mapping[Recording, Samples]
    music: Sequence[Samples]


@cache
def chosen_clips(data: Path, clips_a_class: int) -> Chosen:
    """So many clips of each class, read once a process."""
    clips = read_clips(data)
    attacks = [clip for clip in clips if clip.label == "spoof" and clip.kind in ATTACKS]
    bonafide = [clip for clip in clips if clip.label == "bonafide"]
    spoofs = choose(attacks, lambda clip: clip.system, clips_a_class)
    genuine = choose(bonafide, lambda clip: clip.source, clips_a_class)
    audio = {clip: read_samples(data, clip) for clip in {*spoofs, *bonafide}}
    return Chosen(spoofs, genuine, bonafide, audio, read_noises(data)["hold_music"])


def llrs(folder: Path, data: Path, clips_a_class: int, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LLRs of the chosen spoofs and of the chosen genuine clips after the transform of that name, (n,) each."""
    detector, table, transform = load_detector(folder), chosen_clips(data, clips_a_class), tampering()[name]

    def llr(clip: Recording) -> float:
        others = [other for other in table.bonafide if other != clip]
        near = [other for other in others if other.source == clip.source] or others
        rng = np.random.default_rng([SEED, seed_of(clip)])
        around = Surroundings(rng, table.music, [table.audio[one] for one in near])
        window = first_speech(through(transform(table.audio[clip], around), "pcmu", {}, 0))
        # What the system takes for no speech at all is no evidence.
        return 0.0 if window is None else float(detector.llr(detector.raw([window]))[0])

    return np.array([llr(clip) for clip in table.spoofs]), np.array([llr(clip) for clip in table.genuine])


def measure(folder: Path, data: Path, clips_a_class: int, jobs: int = 1) -> dict[str, Any]:
    """Every transform on the chosen clips, in so many processes."""
    names = list(tampering())
    with ProcessPoolExecutor(jobs) as pool:
        heard = dict(zip(
            names, pool.map(llrs, repeat(folder), repeat(data), repeat(clips_a_class), names), strict=True
        ))
    before = heard[UNTOUCHED]
    return {
        "spoofs": len(before[0]),
        "genuine": len(before[1]),
        "threshold_llr": equal_error_threshold(*before),
        "transforms": {
            name: moved(spoofs, None if "genuine" in name else genuine, *before)
            for name, (spoofs, genuine) in heard.items()
        },
    }


def as_text(models: Mapping[str, Any]) -> str:
    """One table a model."""
    lines = []
    for name, part in models.items():
        lines.append(f"{name}: {part['spoofs']} spoofs, {part['genuine']} genuine, LLR {part['threshold_llr']:.2f}")
        lines.append(f"{'':34}{'spoofs':^33}{'genuine':^31}{'EER':^16}")
        lines.append(f"{'':34}{'shift':>8}{'now missed':>12}{'now caught':>12}{'shift':>9}{'now flagged':>13}"
                     f"{'now passed':>12}{'alone':>8}{'both':>8}")
        for what, row in part["transforms"].items():
            genuine = "".join(
                f"{row[key]:{width}.3f}" if key in row else f"{'-':>{width}}"
                for key, width in (("genuine_llr_shift", 9), ("passed_now_flagged", 13), ("flagged_now_passed", 12))
            )
            both = f"{row['eer_both']:8.3f}" if "eer_both" in row else f"{'-':>8}"
            lines.append(f"{what:34}{row['spoof_llr_shift']:8.3f}{row['caught_now_missed']:12.3f}"
                         f"{row['missed_now_caught']:12.3f}{genuine}{row['eer_spoofs_alone']:8.3f}{both}")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.attacks", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of dev.csv and noise.csv")
    parser.add_argument(
        "--model", type=Path, action="append",
        help="folder of a model, may be given again, the others in --out stay; default: the shipped ones and baselines",
    )
    parser.add_argument("--clips", type=int, default=200, help="clips of each class")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/detection_attacks.json"))
    arguments = parser.parse_args()
    models = {
        load_detector(folder).model.version: {
            "measured_at_commit": commit(), **measure(folder, arguments.data, arguments.clips, arguments.jobs)
        }
        for folder in arguments.model or default_models()
    }
    print(as_text(models))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(as_lines({"models": kept(arguments.out, models)}, _LEVELS) + "\n")


_EVERY_FRAME = WindowSpec("synthetic_voice", 4.0, FRAME_S, 0.3)


def _any(sounds: Sequence[Samples], rng: np.random.Generator) -> Samples:
    return sounds[int(rng.integers(len(sounds)))]


def _with(transform: Callable[[Samples, float], Samples], value: float) -> Transform:
    return lambda samples, _: transform(samples, value)


def _white(snr_db: float) -> Transform:
    def transform(samples: Samples, near: Surroundings) -> Samples:
        noise = np.asarray(near.rng.standard_normal(len(samples)), dtype=np.float32)
        return add_noise(samples, noise, snr_db, near.rng)

    return transform


def _babble(snr_db: float) -> Transform:
    def transform(samples: Samples, near: Surroundings) -> Samples:
        talkers = (_any(near.genuine, near.rng) for _ in range(_TALKERS))
        babble = np.sum([np.resize(talker, len(samples)) for talker in talkers], axis=0)
        return add_noise(samples, np.asarray(babble, dtype=np.float32), snr_db, near.rng)

    return transform


def _mixed(share: float) -> Transform:
    def transform(samples: Samples, near: Surroundings) -> Samples:
        return transforms.alternate(samples, _any(near.genuine, near.rng), share)

    return transform


if __name__ == "__main__":
    main()
