"""The speaker encoder: windows of net speech to model input, embeddings to evidence about who speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voiceguard.detectors.features import SAMPLE_RATE_HZ, fbank80_16k
from voiceguard.errors import ModelError
from voiceguard.events import Voice, VoiceList

WINDOW_S = 3.0
WINDOW_SAMPLES = int(WINDOW_S * SAMPLE_RATE_HZ)
MIN_WINDOW_S = 2.0
MIN_WINDOW_SAMPLES = int(MIN_WINDOW_S * SAMPLE_RATE_HZ)
LONGEST_S = 6.0
"""Net speech of a recording that the encoder hears in one piece at most, seconds. A live call hears windows of 3 s."""
LONGEST_SAMPLES = int(LONGEST_S * SAMPLE_RATE_HZ)
DIMENSION = 192


@dataclass(frozen=True)
class Calibration:
    """Map of a cosine to ln p(cosine | same speaker) / p(cosine | different speakers), affine in three quantities.

    Fitted on speakers, sources and lines that no benchmark uses.
    """

    scale: float
    """Nats per unit of cosine."""
    duration: float
    """Nats per e-fold of net speech on either side: more speech makes cosines of one speaker rise."""
    offset: float
    """Nats at a cosine of zero and 1 s of speech on either side."""
    min_speech_s: float
    max_speech_s: float
    """Net speech of a side counts as at least and at most this much: the range that was fitted."""
    limit: float
    """Largest evidence of different speakers, nats: no more than the people of the calibration set can vouch for."""
    same_limit: float
    """Largest evidence of one speaker, nats: no more than its pairs of people can vouch for."""


def prepare(windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Model input (batch, frames, 80) for windows of net speech at 8 kHz, each (n,).

    Windows of up to 3 s, shorter ones repeated, have 298 frames. Longer ones, up to 6 s, keep their length. Every band
    has a mean of zero over the window, so level and the line's colour count only where they push a band below the floor
    of the logarithm. Raises ValueError for no windows, for an empty window or one longer than 6 s, and for windows that
    differ in length beyond 3 s.
    """
    if not windows:
        raise ValueError("no windows")
    for window in windows:
        if not 0 < len(window) <= LONGEST_SAMPLES:
            raise ValueError(f"a window has 1 to {LONGEST_SAMPLES} samples, not {len(window)}")
    repeated = [np.resize(window, max(len(window), WINDOW_SAMPLES)) for window in windows]
    if len({len(window) for window in repeated}) > 1:
        raise ValueError("windows of more than 3 s differ in length")
    bands = np.stack([fbank80_16k(window) for window in repeated])
    return np.asarray(bands - bands.mean(axis=1, keepdims=True), dtype=np.float32)


def pieces(speech: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A recording's net speech (n,) in the fewest pieces of at most 6 s, all of about one length.

    Nothing is left out and nothing is heard twice: statistics over all of a clip tell more than those of windows.
    """
    return [piece for piece in np.array_split(speech, -(-len(speech) // LONGEST_SAMPLES) or 1) if len(piece)]


def normalise(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Embeddings (..., 192) scaled to unit length.

    Raises ModelError when one is not finite or has no length: a model that fails must not look like a voice.
    """
    values = np.asarray(embeddings, dtype=np.float32)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    if not np.isfinite(length).all() or (length < 1e-6).any():
        raise ModelError("the speaker encoder gave an embedding without direction")
    return np.asarray(values / length, dtype=np.float32)


def enrol(embeddings: ArrayLike, weights: ArrayLike) -> NDArray[np.float32]:
    """One unit-length voiceprint (192,) of embeddings (n, 192), each weighted (n,) by its seconds of net speech.

    Raises ModelError as `normalise` does, also when the voices cancel out or there are none.
    """
    share = np.asarray(weights, dtype=np.float32)
    return normalise(np.sum(normalise(embeddings) * share[:, None], axis=0))


def cosine(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Cosine of unit-length embeddings (..., 192), broadcast against each other."""
    product = np.asarray(first, dtype=np.float64) * np.asarray(second, dtype=np.float64)
    return np.asarray(product.sum(axis=-1))


def same_speaker_llr(
    cosines: ArrayLike, first_speech_s: ArrayLike, second_speech_s: ArrayLike, calibration: Calibration
) -> NDArray[np.float64]:
    """Verification: ln p(x | same speaker) / p(x | different speakers); positive speaks for one and the same voice.

    `first_speech_s` and `second_speech_s`: net speech behind each side, seconds. Raises ModelError for a cosine that is
    not finite.
    """
    values = np.asarray(cosines, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ModelError("the speaker encoder gave a cosine that is not finite")
    seconds = [
        np.clip(np.asarray(side, dtype=np.float64), calibration.min_speech_s, calibration.max_speech_s)
        for side in (first_speech_s, second_speech_s)
    ]
    speech = np.log(seconds[0]) + np.log(seconds[1])
    evidence = calibration.scale * values + calibration.duration * speech + calibration.offset
    return np.clip(evidence, -calibration.limit, calibration.same_limit)


def listed_llr(llrs: ArrayLike, listed: int) -> float:
    """ln p(x | a voice of the list) / p(x | none of them), each of its `listed` voices as likely as any other.

    `llrs` (n,): `same_speaker_llr` of the voices that lie nearest; the rest counts as unlike. The mean of likelihood
    ratios pays for the length of the list: ten times as many voices have to be ln 10 nats surer (Brummer & de Villiers,
    "The speaker partitioning problem", Odyssey 2010). Raises ValueError for more voices than the list holds, or none.
    """
    found = np.asarray(llrs, dtype=np.float64)
    if not 0 < len(found) <= listed:
        raise ValueError(f"{len(found)} voices of a list of {listed}")
    return float(np.logaddexp.reduce(found) - np.log(listed))


def llr(
    cosines: ArrayLike, first_speech_s: ArrayLike, second_speech_s: ArrayLike, calibration: Calibration
) -> NDArray[np.float64]:
    """Consistency: ln p(x | different speakers) / p(x | same speaker); positive speaks for a change of voice, a risk.

    The negative of `same_speaker_llr`, which see.
    """
    return -same_speaker_llr(cosines, first_speech_s, second_speech_s, calibration)


def unlike(
    first: ArrayLike, second: ArrayLike, first_speech_s: float, second_speech_s: float, calibration: Calibration
) -> float:
    """`llr` of two unit-length embeddings (192,)."""
    return float(llr(cosine(first, second), first_speech_s, second_speech_s, calibration))


def nearest_listed(voices: VoiceList, voice: Voice, calibration: Calibration) -> tuple[float, str] | None:
    """`listed_llr` of a list for a voice, and the id of its likeliest entry; None where nothing lies near."""
    found = voices.nearest(voice.embedding)
    if not found:
        return None
    llrs = same_speaker_llr(
        [one.cosine for one in found], [one.net_speech_s for one in found], voice.net_speech_s, calibration
    )
    return listed_llr(llrs, len(voices)), found[int(np.argmax(llrs))].entry_id
