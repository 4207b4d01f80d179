"""Calls in which another person goes on speaking, and calls in which nobody does, through the live consistency check.

A call is made of clips of one source: at least 6.5 s of net speech of one person, then at least 6 s of the same or of
another. Both parts come from the same line.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.speaker.encoder import Embedding, Encoder
from voiceguard.detectors import speaker
from voiceguard.events import Samples
from voiceguard.risk.speaker_change import SpeakerChange

BEFORE_S, AFTER_S = 6.5, 6.0
INTRUDERS = 3
"""Take-overs for each person who is long enough in the set, at most."""
_SEED = 20261123


@dataclass(frozen=True)
class Call:
    """What the check said after the joint."""

    source: str
    speaker: str
    """Who began the call."""
    taken_over: bool
    evidence: tuple[tuple[float, float], ...]
    """(net speech since the joint in seconds, ln p(x | different speakers) / p(x | same speaker)), in order."""

    def latest(self, after_s: float) -> float | None:
        """What the check holds after `after_s` of net speech since the joint; None before anything."""
        return next((llr for since_s, llr in reversed(self.evidence) if since_s <= after_s), None)


def play_calls(encoder: Encoder, data: Path) -> list[Call]:
    """One call without and up to three with a take-over for everybody of dev with speech for both parts, and a peer."""
    with (data / "dev.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == "bonafide" and row["speaker"]]
    clips: dict[tuple[str, str], list[Samples]] = defaultdict(list)
    for row in rows:
        clips[row["source"], row["speaker"]].append(encoder.read(data / row["path"]))
    parts = {who: found for who, own in clips.items() if (found := _two_parts(encoder, own))}
    random = np.random.default_rng(_SEED)
    calls = []
    for (source, name), (before, after) in parts.items():
        others = [who for who in parts if who[0] == source and who[1] != name]
        if not others:
            continue
        calls.append(Call(source, name, False, trace(encoder, before, after)))
        for index in random.permutation(len(others))[:INTRUDERS]:
            calls.append(Call(source, name, True, trace(encoder, before, parts[others[index]][1])))
    return calls


def trace(encoder: Encoder, before: Samples, after: Samples) -> tuple[tuple[float, float], ...]:
    """Evidence of every window that ends after `before`, by net speech since then."""

    def compare(reference: Embedding, recent: Embedding, reference_s: float, recent_s: float) -> float:
        return float(speaker.llr(speaker.cosine(reference, recent), reference_s, recent_s, encoder.calibration))

    track, change = encoder.track(), SpeakerChange(compare)
    for window in track.feed(before):
        change.feed(encoder.embed(window), window)
    joint_s = track.net_s
    evidence = ((window, change.feed(encoder.embed(window), window)) for window in track.feed(after))
    return tuple((window.end_net_s - joint_s, llr) for window, llr in evidence if llr is not None)


def _two_parts(encoder: Encoder, clips: list[Samples]) -> tuple[Samples, Samples] | None:
    """The person's clips as two stretches long enough for either role; None when there is too little."""
    for cut in range(1, len(clips)):
        before, after = np.concatenate(clips[:cut]), np.concatenate(clips[cut:])
        if _net_s(encoder, before) >= BEFORE_S:
            return (before, after) if _net_s(encoder, after) >= AFTER_S else None
    return None


def _net_s(encoder: Encoder, samples: Samples) -> float:
    track = encoder.track()
    track.feed(samples)
    return track.net_s
