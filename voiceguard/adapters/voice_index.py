"""Lists of voices that every call is compared with: nearest entries by cosine, in memory."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from voiceguard.events import Neighbour, Voice

NEIGHBOURS = 8
"""Entries that a search gives at most: those beyond add nothing to the mean of likelihood ratios."""
_DIMENSION = 192
_FULL_SEARCH = 10_000
"""Entries up to which all are compared, in about a millisecond."""


class VectorList:
    """An unchanging list; a changed one is built anew. See `voiceguard.events.VoiceList`.

    Longer lists are searched by 4-bit product quantisation (Andre et al., "Quicker ADC", TPAMI 2021) and the best 512
    of it by their exact cosines.
    """

    def __init__(self, entries: Sequence[tuple[str, Voice]]) -> None:
        self._names = [name for name, _ in entries]
        self._seconds = [voice.net_speech_s for _, voice in entries]
        vectors = np.array([voice.embedding for _, voice in entries], np.float32).reshape(len(entries), _DIMENSION)
        kind = "Flat" if len(entries) <= _FULL_SEARCH else "PQ48x4fs,RFlat"
        self._index = faiss.index_factory(_DIMENSION, kind, faiss.METRIC_INNER_PRODUCT)
        if kind != "Flat":
            self._index.k_factor = 64  # type: ignore[attr-defined]
            # Sixteen centres a part need no more than this to settle.
            self._index.train(vectors[:: max(1, len(vectors) // 20_000)])
        if entries:
            self._index.add(vectors)

    def __len__(self) -> int:
        return len(self._names)

    def nearest(self, embedding: NDArray[np.float32], count: int = NEIGHBOURS) -> Sequence[Neighbour]:
        """The `count` entries nearest to a unit-length embedding (192,), nearest first."""
        if not self._names:
            return ()
        cosines, places = self._index.search(embedding[None, :], min(count, len(self._names)))
        return [
            Neighbour(self._names[place], float(alike), self._seconds[place])
            for alike, place in zip(cosines[0], places[0], strict=True) if place >= 0
        ]


class Without:
    """A list less some of its entries, all of which it holds."""

    def __init__(self, voices: VectorList, names: frozenset[str]) -> None:
        self._voices, self._names = voices, names

    def __len__(self) -> int:
        return len(self._voices) - len(self._names)

    def nearest(self, embedding: NDArray[np.float32]) -> Sequence[Neighbour]:
        """As `VectorList.nearest`."""
        found = self._voices.nearest(embedding, NEIGHBOURS + len(self._names))
        return [one for one in found if one.entry_id not in self._names][:NEIGHBOURS]
