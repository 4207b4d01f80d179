"""A linear classifier over hashed character and word n-grams: what a sentence sounds like, with its probability.

The weights are a value that somebody else loads. Text is read in pieces, so that one sentence in a long turn counts as
much as it would alone.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 16
MAX_CHARS = 16384
"""Text past this is not looked at."""
PIECE_CHARS = 240
"""Longest piece; neighbours overlap by half."""
_SIZES = (2, 3, 4, 5)
_GAPS = re.compile(r"[\s.,!?;:\"()\[\]{}<>|/\\*_…“”«»¿¡।-]+")
_ENDS = re.compile(r"[.!?;\n।]+\s")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Classifier:
    """One row of weights a label. The weights are bytes: `scales` turns them into numbers."""

    labels: tuple[str, ...]
    weights: NDArray[np.int8]
    """(BUCKETS, labels)"""
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]
    thresholds: Mapping[str, float]
    """Probability from which a label is heard."""
    version: str = ""

    def probabilities(self, text: str) -> dict[str, float]:
        """Label to the highest probability over the text's pieces, all labels."""
        best = np.full(len(self.labels), -np.inf, dtype=np.float32)
        for piece in pieces(text[:MAX_CHARS]):
            places, values = features(piece)
            best = np.maximum(best, values @ self.weights[places] * self.scales + self.biases)
        chances = 1.0 / (1.0 + np.exp(-np.clip(best, -30.0, 30.0)))
        return dict(zip(self.labels, map(float, chances), strict=True))

    def hear(self, text: str) -> dict[str, float]:
        """Labels at or over their threshold, with their probability; empty when it is none of them."""
        return {label: chance for label, chance in self.probabilities(text).items() if chance >= self.thresholds[label]}


def pieces(text: str) -> Iterator[str]:
    """The whole text where it is short, and its sentences where there are several; long ones in overlapping parts."""
    flat = plain(text)
    if len(flat) <= PIECE_CHARS:
        yield flat
    parts = _ENDS.split(text)
    for part in parts if len(parts) > 1 else ():
        sentence = plain(part)
        if sentence.count(" ") >= 3 and len(sentence) <= PIECE_CHARS and len(parts) <= 64:
            yield sentence
    if len(flat) > PIECE_CHARS:
        for start in range(0, len(flat), PIECE_CHARS // 2):
            yield flat[start:start + PIECE_CHARS]


def plain(text: str) -> str:
    """Words in lower case between single spaces, one at either end; accents dropped, every digit a 0."""
    folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).lower().replace("’", "'")
    return f" {_GAPS.sub(' ', _DIGIT.sub('0', folded)).strip()} "


def features(flat: str) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Buckets of what `plain` gave, each once, and their values; characters and words each have a norm of one."""
    signs = np.array([ord(sign) for sign in flat], dtype=np.uint32)
    chars = np.unique(np.concatenate([_runs(signs, size) for size in _SIZES]))
    hashes = np.array([zlib.crc32(word.encode("utf-8", "replace")) for word in flat.split()], dtype=np.uint32)
    words = np.unique(np.concatenate([_mixed(hashes + np.uint32(7)), *(_pairs(hashes, apart) for apart in (1, 2))]))
    values = np.concatenate([
        np.full(len(found), 1.0 / np.sqrt(max(len(found), 1)), dtype=np.float32) for found in (chars, words)
    ])
    return np.concatenate([chars, words]), values


def _runs(signs: NDArray[np.uint32], size: int) -> NDArray[np.uint32]:
    count = len(signs) - size + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint32)
    mixed = np.full(count, size, dtype=np.uint32)
    for place in range(size):
        mixed = mixed * np.uint32(0x01000193) ^ signs[place:place + count]
    return _mixed(mixed)


def _pairs(hashes: NDArray[np.uint32], apart: int) -> NDArray[np.uint32]:
    if len(hashes) <= apart:
        return np.empty(0, dtype=np.uint32)
    return _mixed(hashes[:-apart] * np.uint32(31 + 6 * apart) + hashes[apart:])


def _mixed(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    values = (values ^ (values >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    values = (values ^ (values >> np.uint32(12))) * np.uint32(0x297A2D39)
    return (values ^ (values >> np.uint32(15))) & np.uint32(BUCKETS - 1)
