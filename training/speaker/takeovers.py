"""Take-overs and calls of one voice, made of the training speakers' windows: does another calibration help?

``python -m training.speaker.takeovers --data FOLDER`` after ``whiten`` prints, for the shipped calibration and for one
that is fitted for take-overs with half of its weight on other moods, how often one voice is taken for two, and how many
take-overs are found. Projection and calibration of a source are fitted on the other sources. Rows of RESULTS.md.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.report import high_after
from training.speaker.calibrate import fit
from training.speaker.export import PLAIN
from training.speaker.trials import HOP_S, Trials, Voice, by_unseen_projections, draw, voices
from training.speaker.whiten import fit as fit_projection
from voiceguard.detectors import speaker
from voiceguard.events import RATE_HZ, Window
from voiceguard.risk import RiskModel, SpeakerChange

KINDS: Mapping[str, tuple[str, ...]] = {"one mood": ("pcmu", "line-0"), "changing moods": ("moods",)}
"""Lines of the calls."""
LEAST_WINDOWS, AFTER, INTRUDERS = 6, 4, 2
"""Windows of a voice that makes a call, windows of the intruder, and take-overs for each voice at most."""
MOODS_SHARE = 0.5
"""Weight of other moods among trials of one person, in the calibration for take-overs."""
SOON_S = 6.05
_SEED = 1
_SILENCE = np.broadcast_to(np.float32(0), (round(speaker.WINDOW_S * RATE_HZ),))


@dataclass(frozen=True)
class Played:
    """Evidence of a change after each compared window, nats, and the net speech at the window's end, seconds."""

    joint_s: float | None
    """Net speech at which another voice takes over; None: nobody does."""
    ends_s: NDArray[np.float64]
    evidence: NDArray[np.float64]

    @property
    def later(self) -> NDArray[np.bool_]:
        """Windows that hold speech after the joint; without a joint, all."""
        return np.asarray(self.ends_s > (0.0 if self.joint_s is None else self.joint_s + 0.1))


def play(before: Sequence[NDArray[np.float32]], after: Sequence[NDArray[np.float32]],
         calibration: speaker.Calibration) -> Played:
    """A call by embeddings of its windows; `after`: the intruder's, empty for a call of one voice."""

    def compare(reference: NDArray[np.float32], recent: NDArray[np.float32], one_s: float, other_s: float) -> float:
        return float(speaker.llr(speaker.cosine(reference, recent), one_s, other_s, calibration))

    change, risk, told = SpeakerChange(compare), RiskModel(), []
    joint_s = speaker.WINDOW_S + HOP_S * (len(before) - 1)
    for part, begin_s in ((before, 0.0), (after, joint_s)):
        for place, embedding in enumerate(part):
            end_s = begin_s + speaker.WINDOW_S + HOP_S * place
            window = Window("speaker_embedding", _SILENCE, end_s, end_s)
            llr = change.feed(embedding, window)
            risk.add_speaker(llr, window)
            if llr is not None:
                told.append((end_s, risk.contribution("speaker_change")))
    ends, evidence = np.array(told, dtype=np.float64).reshape(-1, 2).T
    return Played(joint_s if len(after) else None, ends, evidence)


def calls(
    everybody: Sequence[Voice], lines: tuple[str, ...], of: Mapping[str, speaker.Calibration]
) -> Iterator[Played]:
    """Calls of one voice and take-overs within a source and line, each source by its own calibration."""
    rng, peers = np.random.default_rng(_SEED), defaultdict(list)
    for voice in everybody:
        if voice.line in lines and len(voice.windows) >= LEAST_WINDOWS:
            peers[voice.source, voice.line].append(voice)
    for (source, _), around in peers.items():
        for voice in around:
            yield play(voice.windows, (), of[source])
            others = [other for other in around if other.speaker != voice.speaker]
            for place in rng.permutation(len(others))[:INTRUDERS]:
                half = max(4, len(voice.windows) // 2)
                yield play(voice.windows[:half], others[place].windows[:AFTER], of[source])


def describe(played: Sequence[Played], threshold: float) -> str:
    """False alarms an hour and take-overs found within 6 s, at a threshold and at one false alarm an hour."""
    alone = [call for call in played if call.joint_s is None and len(call.ends_s)]
    taken = [call for call in played if call.joint_s is not None]
    hours = sum(call.ends_s[-1] - call.ends_s[0] + HOP_S for call in alone) / 3600
    tops = np.sort([call.evidence.max() for call in alone])[::-1]
    soon = np.array([
        call.evidence[call.later & (call.ends_s <= (call.joint_s or 0.0) + SOON_S)].max(initial=-np.inf)
        for call in taken
    ])
    strict = tops[min(int(hours), len(tops) - 1)]
    return (f"{hours:.2f} h of one voice, {len(taken)} take-overs: {(tops > threshold).sum() / hours:.0f} false alarms"
            f" an hour, {(soon > threshold).mean():.3f} found within 6 s; at one false alarm an hour"
            f" {(soon > strict).mean():.3f}")


def for_takeovers(trials: Trials, moods: NDArray[np.bool_]) -> speaker.Calibration:
    """A calibration in which other moods have `MOODS_SHARE` of the weight of one person's trials, by repetition."""
    rows = np.flatnonzero(trials.same & moods)
    others = int((trials.same & ~moods).sum())
    wanted = round(others * MOODS_SHARE / (1 - MOODS_SHARE))
    again = np.random.default_rng(_SEED).choice(rows, max(0, wanted - len(rows)))
    return fit(trials[np.concatenate([np.arange(len(trials.same)), again])])  # type: ignore[index]


def main() -> None:
    """Print a row for each calibration."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.takeovers")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of train.csv and noise.csv")
    data = parser.parse_args().data
    heard = voices(data, PLAIN)
    unseen = by_unseen_projections(heard, lambda source: fit_projection(heard, without=source))
    sources = sorted({voice.source for voice in unseen})
    within, across = draw(unseen), draw(unseen, across=True)
    lines = {line: draw([voice for voice in unseen if voice.line == line]) for line in {v.line for v in unseen}}
    by_line = list(lines.values())
    joined = by_line[0]
    for part in by_line[1:]:
        joined += part
    moods = np.concatenate([np.full(len(part.same), line == "moods") for line, part in lines.items()])
    both = within + across
    ways = {
        "shipped": {one: fit(both[both.source != one]) for one in sources},
        "for take-overs": {
            one: for_takeovers(joined[joined.source != one], moods[joined.source != one]) for one in sources
        },
    }
    for name, of in ways.items():
        for kind, over in KINDS.items():
            print(f"{name}, {kind}: {describe(list(calls(unseen, over, of)), high_after())}", flush=True)


if __name__ == "__main__":
    main()
