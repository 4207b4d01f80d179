"""Samples to 20 ms frames, each of them speech, tone or silence."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import webrtcvad

from voiceguard.errors import ConfigurationError
from voiceguard.events import RATE_HZ, Samples
from voiceguard.speech.band import OutOfBand, in_band

FRAME_SAMPLES = 160
"""20 ms at 8 kHz, the frame on which the detectors were trained."""
FRAME_S = FRAME_SAMPLES / RATE_HZ

Kind = Literal["speech", "tone", "silence"]


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What counts as speech. Raises ConfigurationError for a value out of its range."""

    vad_mode: int = 2
    """webrtcvad's aggressiveness, 0..3. The detectors were trained on what mode 2 lets through."""
    onset_s: float = 0.1
    """Speech must last this long before it counts, and then counts from its start. webrtcvad's own hangover stretches a
    click to 80 ms, and a steady tone is known for one after 100 ms."""
    hangover_s: float = 0.3
    """Silence that ends a segment."""

    def __post_init__(self) -> None:
        if self.vad_mode not in range(4):
            raise ConfigurationError("speech.vad_mode must be 0, 1, 2 or 3")
        if not (0 <= self.onset_s <= 1 and 0 <= self.hangover_s <= 5):
            raise ConfigurationError("speech.onset_s must lie in 0..1 and speech.hangover_s in 0..5 seconds")


class Frame(NamedTuple):
    """20 ms of one channel."""

    samples: Samples
    """(160,) float32, a copy of its own."""
    start_sample: int
    """Place in the channel's media at 8 kHz."""
    kind: Kind


class Vad:
    """webrtcvad, less the tones and constant samples that it takes for speech.

    Where hum, DC or a whistle outside the telephone's band stands under everything, tones are sought in the band alone,
    and webrtcvad hears the band: else what is steady would make the voice above it a tone, and hum alone speech.
    """

    def __init__(self, options: SpeechOptions) -> None:
        self._vad, self._band_vad = webrtcvad.Vad(options.vad_mode), webrtcvad.Vad(max(options.vad_mode - 1, 0))
        self._out_of_band = OutOfBand()
        self._before: Samples = np.zeros(FRAME_SAMPLES, np.float32)
        self._tone_energy = 0.0
        self._rest: Samples = np.zeros(0, np.float32)
        self._start_sample = 0
        self._recent: deque[Samples] = deque(maxlen=_STEADY_FRAMES)
        self._energies: deque[float] = deque(maxlen=_STEADY_FRAMES)
        self._echo_frames = 0

    @property
    def at_sample(self) -> int:
        """Samples heard or skipped so far, those of an unfinished frame included."""
        return self._start_sample + len(self._rest)

    def feed(self, samples: Samples) -> list[Frame]:
        """The frames that samples (n,) complete; the rest waits for the next feed, so chunking does not matter.

        Samples beyond [-1, 1], infinite ones included, are clipped; NaN counts as zero.
        """
        samples = np.minimum(np.maximum(samples, np.float32(-1)), np.float32(1))
        if not len(self._rest):
            if len(samples) == FRAME_SAMPLES:  # as platforms send it; the array is a copy already
                return [self._frame(samples)]
        else:
            samples = np.concatenate((self._rest, samples))
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        frames = [self._frame(samples[at : at + FRAME_SAMPLES].copy()) for at in range(0, whole, FRAME_SAMPLES)]
        self._rest = samples[whole:].copy()
        return frames

    def skip(self, samples: int) -> None:
        """Go on `samples` later: what was heard of an unfinished frame is dropped, and frames start anew."""
        self._start_sample = self.at_sample + samples
        self._rest = self._rest[:0]
        self._recent.clear()
        self._energies.clear()

    def _frame(self, samples: Samples) -> Frame:
        energy = float(samples @ samples)
        if math.isnan(energy):
            samples = np.nan_to_num(samples, copy=False)
            energy = float(samples @ samples)
        frame = Frame(samples, self._start_sample, self._kind(samples, energy))
        self._start_sample += FRAME_SAMPLES
        self._before = frame.samples
        return frame

    def _kind(self, samples: Samples, energy: float) -> Kind:
        # webrtcvad hears tones too, as in training: in place of them, zeros would teach it to take noise for speech.
        pcm = _to_pcm(samples)
        voiced = self._vad.is_speech(pcm, RATE_HZ)
        if self._out_of_band.feed(samples, energy):
            samples = in_band(self._before, samples)
            energy = float(samples @ samples)
            voiced = self._band_vad.is_speech(_to_pcm(np.clip(samples, -1, 1)), RATE_HZ)
        self._recent.append(samples)
        self._energies.append(energy)
        in_echo = self._echo_frames > 0
        self._echo_frames -= in_echo
        # A line that repeats one codeword is idle, even while webrtcvad's hangover lasts.
        if not voiced or pcm == pcm[:2] * FRAME_SAMPLES:
            return "silence"
        is_key = energy > _FAINT and _is_dtmf(samples, energy)
        if is_key or (energy > _FAINT and self._is_steady()):
            self._echo_frames, self._tone_energy = _ECHO_FRAMES, math.inf if is_key else energy
            return "tone"
        # What is as loud as a steady tone was is not what is left of it, but something on top of it.
        return "tone" if in_echo and energy < _ECHO_SHARE * self._tone_energy else "speech"

    def _is_steady(self) -> bool:
        energies = self._energies
        if len(energies) < _STEADY_FRAMES or max(energies) > _STEADY_RANGE * min(energies):
            return False
        spectrum = np.fft.rfft(np.concatenate(self._recent) * _TAPER)
        power = spectrum.real**2 + spectrum.imag**2
        allowed = float(power.sum()) * (1 - _STEADY_SHARE)
        for _ in range(2):
            peak = int(power.argmax())
            power[max(peak - 2, 0) : peak + 3] = 0
        return float(power.sum()) <= allowed


_ECHO_FRAMES = 6
"""After a tone, what is left of it in one frame and webrtcvad's longest hangover in mode 2."""
_ECHO_SHARE = 0.5
"""Of the tone's energy."""
_FAINT = FRAME_SAMPLES * 1e-5
"""Energy of a frame at -50 dBFS; no exchange or telephone sends fainter tones."""

_DTMF_HZ = np.outer([697, 770, 852, 941, 1209, 1336, 1477, 1633], [0.985, 1, 1.015]).ravel()
"""ITU-T Q.23's row and column tones, each as it is and 1.5 % off, which Q.24 asks receivers to accept."""
_ANGLES = 2 * np.pi / RATE_HZ * np.outer(_DTMF_HZ, np.arange(FRAME_SAMPLES))
_DTMF_BASIS = np.concatenate((np.cos(_ANGLES), np.sin(_ANGLES))).astype(np.float32)
_DTMF_SHARE = 0.85
"""Of a frame's energy: keys within that tolerance reach 0.87, of 315,000 frames of genuine speech 7 reach this."""
_DTMF_TWIST = 10.0
"""Power ratio of the two tones at most, either way; Q.24 asks for 4 to 8 dB."""

_STEADY_FRAMES = 4
_STEADY_RANGE = 2.0
"""Frame energies, largest to smallest: 440 + 480 Hz beat by 1.6, most syllables by more than 2."""
_STEADY_SHARE = 0.999
"""Of the energy of 80 ms in two spectral peaks: call-progress tones in mu-law reach 0.9993, 8 of 260,000 frames of
genuine speech this."""
_TAPER = np.hanning(_STEADY_FRAMES * FRAME_SAMPLES).astype(np.float32)


def _to_pcm(samples: Samples) -> bytes:
    return (samples * np.float32(32767)).astype(np.int16).tobytes()


def _is_dtmf(samples: Samples, energy: float) -> bool:
    """One row and one column tone hold the energy; the products are what Goertzel's recursion gives."""
    products = _DTMF_BASIS @ samples
    least = _DTMF_SHARE * energy * FRAME_SAMPLES / 2
    if float(products @ products) < 0.99 * least:  # all tones together hold too little, rounding considered
        return False
    parts: list[float] = products.tolist()
    power = [real * real + imaginary * imaginary for real, imaginary in zip(parts[:24], parts[24:], strict=True)]
    row, column = max(power[:12]), max(power[12:])
    return row + column >= least and row <= _DTMF_TWIST * column and column <= _DTMF_TWIST * row
