"""Nearest voices: the short list against plain arithmetic, the long one against the short one's answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voiceguard.adapters.voice_index import NEIGHBOURS, VectorList, Without
from voiceguard.events import Voice

RANDOM = np.random.default_rng(4)


def people(count: int) -> NDArray[np.float32]:
    """Unit-length embeddings (count, 192) of nobody in particular."""
    vectors = RANDOM.standard_normal((count, 192)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def listing(vectors: NDArray[np.float32]) -> VectorList:
    return VectorList([(f"e{place}", Voice(vector, 10.0 + place, 5)) for place, vector in enumerate(vectors)])


def test_the_nearest_are_those_of_the_largest_cosines() -> None:
    """Names, cosines and seconds belong together, nearest first."""
    vectors = people(300)
    asked = people(1)[0]
    cosines = vectors @ asked
    best = np.argsort(-cosines)[:NEIGHBOURS]
    found = listing(vectors).nearest(asked)

    assert [f"e{place}" for place in best] == [one.entry_id for one in found]
    assert cosines[best] == pytest.approx([one.cosine for one in found], abs=1e-5)
    assert [10.0 + place for place in best] == [one.net_speech_s for one in found]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_short_list_gives_all_it_has(count: int) -> None:
    """An empty one nothing."""
    voices = listing(people(count)) if count else VectorList(())

    assert count == len(voices) == len(voices.nearest(people(1)[0]))


def test_a_long_list_finds_who_is_on_it() -> None:
    """12,000 voices, searched by parts: an entry heard again, with noise, comes first, at its exact cosine."""
    vectors = people(12_000)
    voices = listing(vectors)
    again = vectors[:40] + 0.4 * people(40)
    again /= np.linalg.norm(again, axis=1, keepdims=True)

    for place, asked in enumerate(again):
        first = voices.nearest(asked)[0]
        assert first.entry_id == f"e{place}"
        assert first.cosine == pytest.approx(float(vectors[place] @ asked), abs=1e-4)


def test_what_is_left_out_makes_room_for_others() -> None:
    """All ten nearest are left out: the next eight come, and the list is shorter."""
    vectors = people(50)
    whole = listing(vectors)
    order = np.argsort(-(vectors @ vectors[0]))
    out = frozenset(f"e{place}" for place in order[:10])
    rest = Without(whole, out)

    assert len(rest) == 40
    assert [f"e{place}" for place in order[10 : 10 + NEIGHBOURS]] == [
        one.entry_id for one in rest.nearest(vectors[0])
    ]
