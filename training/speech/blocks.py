"""Blocks of net speech with their measures and labels, cut as a call cuts them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from training.speech.tones import RATE_HZ, Samples
from training.synthetic.channels import add_noise, through_line
from voiceguard.speech import Endpointer, SpeechOptions, Vad
from voiceguard.speech.gate import Gate
from voiceguard.speech.vad import FRAME_SAMPLES, Frame

VOICES = "cafe_babble"
"""People talking are no example of what is no speech."""


def held_out(name: str) -> bool:
    """Whether a source, speaker or piece is kept for validation: one in five, by its name's hash."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % 5 == 0


class Block(NamedTuple):
    """Half a second of what passes for net speech."""

    measures: NDArray[np.float32]
    starts: tuple[int, ...]
    """Samples at which its frames start."""


class _Ear(Gate):
    """A gate that keeps what it measures."""

    def __init__(self) -> None:
        super().__init__(None)
        self._holds_back = True
        self.blocks: list[Block] = []

    def flush(self) -> list[Frame]:
        held, self._held = self._held, []
        if held:
            self.blocks.append(Block(self.measures(held), tuple(frame.start_sample for frame in held)))
        return []


def blocks(samples: Samples) -> list[Block]:
    """The blocks of a whole channel, in order."""
    vad, endpointer, ear = Vad(SpeechOptions()), Endpointer(SpeechOptions()), _Ear()
    for frame in vad.feed(samples):
        ear.feed(frame, endpointer.feed(frame))
    ear.flush()
    return ear.blocks


def read(path: Path) -> Samples:
    """A clip at 8 kHz."""
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE_HZ
    return np.asarray(samples, np.float32)


def voiced_frames(samples: Samples) -> set[int]:
    """Where the clean voice's frames of speech start."""
    return {frame.start_sample for frame in Vad(SpeechOptions()).feed(samples) if frame.kind == "speech"}


def manner(samples: Samples, rng: np.random.Generator) -> Samples:
    """A voice as it is, or older, younger, shouted or whispered, roughly: resampled by up to 30 %, driven, or noise
    through the voice's own linear prediction."""
    chance = rng.random()
    if chance < 0.2:
        return np.asarray(signal.resample(samples, round(len(samples) * rng.uniform(0.77, 1.3))), np.float32)
    if chance < 0.28:
        driven = np.tanh(samples / (samples.std() + 1e-6) * rng.uniform(1, 4))
        return np.asarray(0.3 * driven, np.float32)
    return whispered(samples, rng) if chance < 0.36 else samples


def whispered(samples: Samples, rng: np.random.Generator) -> Samples:
    """The envelope of the voice's spectrum, twelve poles each 20 ms, with noise for the voice's source."""
    out = np.zeros(len(samples) + 320)
    for at in range(0, len(samples) - 320, 160):
        frame = samples[at : at + 320] * np.hanning(320)
        own = np.correlate(frame, frame, "full")[319 : 319 + 13]
        if own[0] < 1e-5:
            continue
        own[0] *= 1.001
        toeplitz = own[np.abs(np.subtract.outer(np.arange(12), np.arange(12)))]
        poles = np.linalg.solve(toeplitz, own[1:])
        noise = rng.standard_normal(320)
        shaped = signal.lfilter([1.0], np.concatenate(([1.0], -poles)), noise)
        out[at : at + 320] += shaped * np.hanning(320) * np.sqrt(own[0] / (float(shaped @ shaped) + 1e-9))
    return np.asarray(signal.lfilter([1, -0.7], [1], out[: len(samples)]), np.float32)


def spoken(
    clips: list[Samples], sounds: list[Samples], noises: list[Samples], rng: np.random.Generator
) -> tuple[list[Block], list[float]]:
    """Blocks of a caller who speaks these clips over one line, with each block's share of voiced frames. Between the
    clips lie pauses, or `sounds` that are no speech, as when the caller is put on hold or drives off."""
    parts: list[Samples] = [np.zeros(int(rng.uniform(0, 1) * RATE_HZ), np.float32)]
    for place, clip in enumerate(clips):
        level = 10 ** (rng.uniform(-38, -18) / 20) / (np.sqrt(np.mean(clip**2)) + 1e-6)
        parts.append(np.asarray(manner(clip, rng) * level if place == 0 else manner(clip, rng), np.float32))
        parts.append(np.zeros(int(rng.uniform(0.05, 1.2) * RATE_HZ), np.float32))
    clean = np.clip(np.concatenate(parts), -1, 1)
    where = voiced_frames(clean)
    if sounds:
        clean, where = _between(parts, sounds, rng)
    near = {start + shift * FRAME_SAMPLES for start in where for shift in range(-2, 5)}
    if rng.random() < 0.4:
        clean = add_noise(clean, noises[int(rng.integers(len(noises)))], float(rng.uniform(3, 25)), rng)
    if rng.random() < 0.15:
        time = np.arange(len(clean)) / RATE_HZ
        hz = rng.choice([50.0, 60.0, 1000.0, 425.0, rng.uniform(300, 3800)])
        clean = clean + np.asarray(rng.uniform(0.002, 0.1) * np.sin(2 * np.pi * hz * time), np.float32)
    line = through_line(clean.astype(np.float32), noises, rng) if rng.random() < 0.8 else clean.astype(np.float32)
    found = blocks(np.clip(line, -1, 1))
    return found, [float(np.mean([start in near for start in block.starts])) for block in found]


def _between(parts: list[Samples], sounds: list[Samples], rng: np.random.Generator) -> tuple[Samples, set[int]]:
    """The parts with sounds in place of their pauses, and where the voice's frames of speech start."""
    voice, other = [], []
    for place, part in enumerate(parts):
        is_pause = place % 2 == 0
        sound = sounds[place // 2 % len(sounds)] if is_pause else np.zeros(len(part), np.float32)
        level = 10 ** (rng.uniform(-38, -14) / 20) / (np.sqrt(np.mean(sound**2)) + 1e-6) if is_pause else 0.0
        voice.append(np.zeros(len(sound), np.float32) if is_pause else part)
        other.append(np.clip(sound * level, -1, 1).astype(np.float32))
    alone = np.clip(np.concatenate(voice), -1, 1)
    return np.clip(alone + np.concatenate(other), -1, 1), voiced_frames(alone)


def unspoken(samples: Samples, noises: list[Samples], rng: np.random.Generator) -> list[Block]:
    """Blocks of a signal without speech, at a random level and over a random line."""
    level = 10 ** (rng.uniform(-40, -10) / 20) / (np.sqrt(np.mean(samples**2)) + 1e-6)
    loud = np.clip(samples * level, -1, 1).astype(np.float32)
    if rng.random() < 0.4:
        loud = (loud + rng.standard_normal(len(loud)) * 10 ** (rng.uniform(-65, -30) / 20)).astype(np.float32)
    line = through_line(loud, noises, rng) if rng.random() < 0.6 else np.clip(loud, -1, 1)
    return blocks(line)
