"""Does the check of a live call notice that another voice speaks, how soon, and how often when none does?

Calls are made of clips of one source: at least 6.5 s of net speech of one person, then at least 6 s of another; and one
person's clips, in a drawn order, with nobody after them. What counts is what the risk of a live call would hold.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from scipy.signal import oaconvolve

from benchmarks.detection.conditions import add_noise, read_noises
from benchmarks.speaker.encoder import Embedding, Encoder
from benchmarks.speaker.speech import Line, far_end
from voiceguard.detectors import speaker
from voiceguard.events import Samples
from voiceguard.risk import RiskModel, SpeakerChange

Circumstance = Literal["pcmu", "gsm", "noise", "line changes", "loudspeaker", "sneezes"]
CIRCUMSTANCES: tuple[Circumstance, ...] = get_args(Circumstance)
BEFORE_S, AFTER_S = 6.5, 6.0
INTRUDERS = 3
"""Take-overs for each person who is long enough in the set, at most."""
ORDERS: Mapping[Circumstance, int] = {
    "pcmu": 3, "gsm": 1, "noise": 1, "line changes": 1, "loudspeaker": 1, "sneezes": 1,
}
"""Orders in which a person's clips make calls of one voice."""
_SEED = 20261123
_SNEEZE_SNR_DB = 0.0
_REVERBERATION_S = 0.4


@dataclass(frozen=True)
class Call:
    """What the risk held of a change of voice, window by window."""

    circumstance: Circumstance
    source: str
    speaker: str
    """Who began the call."""
    joint_s: float | None
    """Net speech at which another voice takes over, seconds; None: nobody does."""
    net_s: tuple[float, ...]
    """Net speech at the end of each window that was compared, seconds."""
    evidence: tuple[float, ...]
    """Contribution of `speaker_change` to the log-odds after each, nats."""

    @property
    def watched_s(self) -> float:
        """Net speech in which a change could be told, seconds."""
        return self.net_s[-1] - self.net_s[0] + 1.5 if self.net_s else 0.0


def play_calls(encoder: Encoder, data: Path, circumstance: Circumstance) -> list[Call]:
    """Calls with and without a take-over, by everybody of dev who says enough."""
    with (data / "dev.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide" and row["speaker"]]
    clips: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        clips[row["source"], row["speaker"]].append(row["path"])
    lines: Sequence[Line] = {
        "gsm": ("gsm",), "noise": ("noise",), "line changes": ("pcmu", "gsm"), "loudspeaker": ("pcmu", "pcmu"),
    }.get(circumstance, ("pcmu",))  # type: ignore[assignment]
    heard = {path: [_at(encoder, data, path, line, circumstance, place) for place, line in enumerate(lines)]
             for paths in clips.values() for path in paths}
    random = np.random.default_rng(_SEED)
    calls, parts = [], {}
    for who, paths in clips.items():
        for _ in range(ORDERS[circumstance]):
            order = random.permutation(len(paths))
            spoken = [heard[paths[place]][_line(number, len(order), len(lines))]
                      for number, place in enumerate(order)]
            calls.append(_play(encoder, circumstance, who, spoken, None))
        if (found := _two_parts([heard[path] for path in paths])) is not None:
            parts[who] = found
    for who, (before, _) in parts.items():
        others = [other for other in parts if other[0] == who[0] and other[1] != who[1]]
        for index in random.permutation(len(others))[:INTRUDERS]:
            calls.append(_play(encoder, circumstance, who, before, parts[others[index]][1]))
    return [call for call in calls if call.net_s]


def delays(calls: Sequence[Call], threshold: float) -> np.ndarray:
    """Net speech from each take-over to the first evidence above a threshold, seconds; infinite where there is none."""
    found = []
    for call in calls:
        if call.joint_s is not None:
            after = [net_s - call.joint_s for net_s, nats in zip(call.net_s, call.evidence, strict=True)
                     if net_s > call.joint_s + 0.1 and nats > threshold]
            found.append(min(after, default=np.inf))
    return np.array(found)


def false_alarms_per_hour(calls: Sequence[Call], threshold: float) -> float:
    """Calls of one voice in which the evidence ever rises above a threshold, by the hours of their net speech."""
    alone = [call for call in calls if call.joint_s is None]
    return sum(max(call.evidence) > threshold for call in alone) / (sum(call.watched_s for call in alone) / 3600)


def threshold_at(calls: Sequence[Call], per_hour: float) -> float:
    """Least threshold that no more calls of one voice rise above."""
    alone = [call for call in calls if call.joint_s is None]
    allowed = int(per_hour * sum(call.watched_s for call in alone) / 3600)
    return float(np.sort([max(call.evidence) for call in alone])[::-1][min(allowed, len(alone) - 1)])


def _at(
    encoder: Encoder, data: Path, path: str, line: Line, circumstance: Circumstance, place: int
) -> tuple[Samples, float]:
    samples = far_end(data, path, line)
    if circumstance == "loudspeaker" and place:
        samples = _over_loudspeaker(samples)
    if circumstance == "sneezes":
        sneezes = read_noises(data)["person_sneeze"]
        rng = np.random.default_rng(len(samples))
        end = min(len(samples), 8000)
        samples = np.concatenate([
            add_noise(samples[:end], sneezes[int(rng.integers(len(sneezes)))], _SNEEZE_SNR_DB, rng), samples[end:]
        ])
    return samples, len(encoder.net_speech(samples)) / 8000


def _over_loudspeaker(samples: Samples) -> Samples:
    """The phone lies on the table in a room with 0.4 s of reverberation, as strong as the voice itself."""
    rng = np.random.default_rng(_SEED)
    seconds = np.arange(int(_REVERBERATION_S * 8000)) / 8000
    room = rng.standard_normal(len(seconds)) * 10 ** (-3.0 * seconds / _REVERBERATION_S)
    room[0] = 0.0
    room /= np.linalg.norm(room)
    room[0] = 1.0
    wet = oaconvolve(samples, room)[: len(samples)]
    return np.asarray(wet * np.sqrt(np.mean(samples**2) / max(np.mean(wet**2), 1e-12)), dtype=np.float32)


def _line(number: int, clips: int, lines: int) -> int:
    """Which line, or manner of holding the phone, the so-manyth clip comes over: one after the other."""
    return min(lines - 1, number * lines // max(1, clips))


Heard = Sequence[tuple[Samples, float]]


def _two_parts(clips: Sequence[Heard]) -> tuple[list[tuple[Samples, float]], list[tuple[Samples, float]]] | None:
    """A person's clips as two stretches long enough for either role; None when there is too little. The second one
    comes over the last of the lines, as it would if that were what changed."""
    net_s = 0.0
    for cut, clip in enumerate(clips, start=1):
        net_s += clip[0][1]
        after = [one[0] for one in clips[cut:]]
        if net_s >= BEFORE_S:
            enough = sum(seconds for _, seconds in after) >= AFTER_S
            return ([one[0] for one in clips[:cut]], after) if enough else None
    return None


def _play(
    encoder: Encoder, circumstance: Circumstance, who: tuple[str, str], before: Heard, after: Heard | None
) -> Call:
    def compare(reference: Embedding, recent: Embedding, reference_s: float, recent_s: float) -> float:
        return float(speaker.llr(speaker.cosine(reference, recent), reference_s, recent_s, encoder.calibration))

    track, change, risk = encoder.track(), SpeakerChange(compare), RiskModel()
    net_s, evidence = [], []
    joint_s = None
    for part in (before, after or ()):
        if part is after:
            joint_s = track.net_s
        for samples, _ in part:
            for window in track.feed(samples):
                llr = change.feed(encoder.embed(window), window)
                risk.add_speaker(llr, window)
                if llr is not None:
                    net_s.append(window.end_net_s)
                    evidence.append(risk.contribution("speaker_change"))
    return Call(circumstance, *who, joint_s, tuple(net_s), tuple(evidence))
