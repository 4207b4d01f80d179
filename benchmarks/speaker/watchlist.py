"""The search of the watch list: how fast, how exact, and how often it cries wolf as the list grows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speaker.encoder import Embedding, Encoder
from voiceguard.adapters.voice_index import VectorList
from voiceguard.detectors import speaker
from voiceguard.events import Band, Voice, Window
from voiceguard.risk import RiskModel

LONGEST = 100_000
SIZES = (1, 10, 100, 1_000, 10_000, LONGEST)
SEARCHES, CALLERS = 400, 1_000
CLIPS, CLIP_S = 4, 3.0
"""Pieces of speech that a listed voice and a caller's are averages of, and how long they are, seconds."""
_HEARD_S = CLIPS * CLIP_S
DRAWS = 2_000
"""Real callers beside real lists."""
_SEED = 20261129


def measure(encoder: Encoder, voices: Sequence[Heard]) -> dict[str, Any]:
    """All figures. `voices`: clips of real people, several for each of them.

    No corpus at hand holds 100,000 people, so long lists are drawn from a normal distribution with the scatter of real
    voices, between people and within one: good enough for the search, but kinder than life to the false alarms, which
    real people are drawn for beside it.
    """
    draw = Population([(one.who, one.embedding) for one in voices])
    rng = np.random.default_rng(_SEED)
    people = draw.people(LONGEST, rng)
    listed = draw.heard(people, rng)
    exact, index = listed, _list(listed)
    callers = draw.heard(people[rng.permutation(LONGEST)[:SEARCHES]], rng)
    cosines = callers @ exact.T
    found = [index.nearest(caller) for caller in callers]
    first = [int(near[0].entry_id) for near in found]
    eight = [len({int(one.entry_id) for one in near} & set(np.argsort(-row)[:8].tolist())) / 8
             for near, row in zip(found, cosines, strict=True)]
    product_ms, search_ms = _in_turn(
        lambda caller: np.argpartition(-(exact @ caller), 8), index.nearest, callers
    )
    return {
        "people": len({one.who for one in voices}), "clips": len(voices),
        "real": {str(size): _real_alarms(encoder, voices, size) for size in SIZES[:3]},
        "search": {
            "voices": LONGEST, "recall_of_nearest": float(np.mean(np.array(first) == cosines.argmax(axis=1))),
            "recall_of_8": float(np.mean(eight)), "ms": search_ms, "numpy_ms": product_ms,
            "numpy_times_slower": product_ms["median"] / search_ms["median"],
        },
        "drawn": {str(size): _alarms(encoder, draw, size, rng) for size in SIZES},
    }


@dataclass(frozen=True)
class Heard:
    """One clip of a person."""

    who: str
    embedding: Embedding
    net_speech_s: float


class Population:
    """People as the encoder hears them: a mean, scatter between people, scatter of one person's speech."""

    def __init__(self, voices: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        names = np.array([who for who, _ in voices])
        vectors = np.stack([vector for _, vector in voices]).astype(np.float64)
        self._mean = vectors.mean(axis=0)
        own = {who: vectors[names == who] for who in dict.fromkeys(names.tolist())}
        repeated = [found for found in own.values() if len(found) > 1]
        within = sum(((found - found.mean(axis=0)).T @ (found - found.mean(axis=0)) for found in repeated),
                     np.zeros((speaker.DIMENSION, speaker.DIMENSION)))
        within /= sum(len(found) - 1 for found in repeated)
        means = np.stack([found.mean(axis=0) for found in own.values()])
        between = np.cov(means.T) - within * float(np.mean([1 / len(found) for found in own.values()]))
        self._between, self._within = _root(between), _root(within)

    def people(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(count, 192)."""
        return np.asarray(self._mean + rng.standard_normal((count, speaker.DIMENSION)) @ self._between)

    def heard(
        self, people: NDArray[np.float64], rng: np.random.Generator, clips: int = CLIPS
    ) -> NDArray[np.float32]:
        """Each of them in so many pieces of speech, unit length."""
        pieces = (people + rng.standard_normal(people.shape) @ self._within for _ in range(clips))
        return speaker.normalise(np.sum([speaker.normalise(piece) for piece in pieces], axis=0))


def _real_alarms(encoder: Encoder, voices: Sequence[Heard], size: int) -> dict[str, float]:
    """The same shares for one clip of a real caller beside so many listed people, one clip each, drawn anew."""
    rng = np.random.default_rng(_SEED)
    of: dict[str, list[Heard]] = defaultdict(list)
    for one in voices:
        of[one.who].append(one)
    names = sorted(of)
    high: dict[str, list[bool]] = {"strangers": [], "fraudsters": []}
    repeated = [name for name in names if len(of[name]) > 1]
    for kind, flags in high.items():
        for _ in range(DRAWS):
            who = str(rng.choice(names if kind == "strangers" else repeated))
            caller, other = rng.permutation(len(of[who]))[[0, -1]]
            listed = [name for name in rng.permutation(names)[: size + 1].tolist() if name != who][:size]
            entries = [of[name][int(rng.integers(len(of[name])))] for name in listed]
            if kind == "fraudsters":
                entries[0] = of[who][other]
            heard = of[who][caller]
            cosines = np.stack([one.embedding for one in entries]) @ heard.embedding
            llrs = [encoder.same_speaker_llr(float(cosine), one.net_speech_s, heard.net_speech_s)
                    for cosine, one in zip(cosines, entries, strict=True)]
            flags.append(_is_high(speaker.listed_llr(llrs, size)))
    return {kind: float(np.mean(flags)) for kind, flags in high.items()}


def _is_high(llr: float) -> bool:
    """Whether the watch list by itself makes the shipped risk high."""
    risk = RiskModel()
    risk.add_synthetic(0.0, Window("synthetic_voice", np.zeros(8000, np.float32), 60.0, 60.0))
    risk.add_known("watchlist", llr)
    return risk.risk(60.0, 60.0).band is Band.HIGH


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    variance, directions = np.linalg.eigh(covariance)
    return np.asarray((directions * np.sqrt(np.maximum(variance, 0.0))).T)


def _list(listed: NDArray[np.float32]) -> VectorList:
    return VectorList([(str(place), Voice(vector, _HEARD_S, 7)) for place, vector in enumerate(listed)])


def _alarms(encoder: Encoder, draw: Population, size: int, rng: np.random.Generator) -> dict[str, float]:
    """Shares of callers who make the risk high: people that are not on the list, and people that are."""
    people = draw.people(size, rng)
    index = _list(draw.heard(people, rng))
    strangers = draw.heard(draw.people(CALLERS, rng), rng)
    fraudsters = draw.heard(people[rng.integers(size, size=CALLERS)], rng)

    def is_high(caller: NDArray[np.float32]) -> bool:
        llrs = [encoder.same_speaker_llr(one.cosine, _HEARD_S, _HEARD_S) for one in index.nearest(caller)]
        return _is_high(speaker.listed_llr(llrs, size))

    high = {name: [is_high(caller) for caller in callers]
            for name, callers in (("strangers", strangers), ("fraudsters", fraudsters))}
    return {name: float(np.mean(flags)) for name, flags in high.items()}


def _in_turn(
    first: Callable[[NDArray[np.float32]], object], second: Callable[[NDArray[np.float32]], object],
    callers: NDArray[np.float32],
) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds a search, median and 95th percentile, of two ways by turns, so that other work hits both alike."""
    taken: list[list[float]] = [[], []]
    for caller in callers:
        for ways, search in zip(taken, (first, second), strict=True):
            start = time.perf_counter()
            search(caller)
            ways.append((time.perf_counter() - start) * 1000)
    one, other = ({"median": float(np.median(ways)), "p95": float(np.quantile(ways, 0.95))} for ways in taken)
    return one, other
