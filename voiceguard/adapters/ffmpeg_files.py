"""Audio out of any container that FFmpeg's libraries read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from voiceguard.errors import AudioFileError
from voiceguard.events import Samples

MAX_CHANNELS = 8
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 192_000
_ESTIMATED = {"mp3", "aac", "loas", "amr", "ac3", "gsm"}
"""Containers whose length FFmpeg can only estimate."""


class NoAudioError(AudioFileError):
    """FFmpeg finds no audio in the file."""


def decode(path: Path, max_s: float) -> tuple[int, Samples]:
    """Samples a second, and the frames (samples, channels) float32 of the first audio stream.

    Raises NoAudioError; AudioFileError for a file that is broken, cut off or longer than `max_s`; OSError.
    """
    blocks: list[Samples] = []
    damage = _Damage()
    rate_hz, declared_s, count = 0, 0.0, 0
    try:
        # Opened here, and no other protocol is known: a playlist that names other files or hosts reads nothing.
        with path.open("rb") as file, av.open(
            file, format="gsm" if path.suffix.lower() == ".gsm" else None, options={"protocol_whitelist": "none"}
        ) as container:
            if not container.streams.audio:
                raise NoAudioError("not readable as audio: holds no audio stream")
            stream = container.streams.audio[0]
            if stream.duration and stream.time_base and container.format.name not in _ESTIMATED:
                declared_s = float(stream.duration * stream.time_base)
            for rate_hz, block in _blocks(container, stream, damage):
                count += len(block)
                if count > max_s * rate_hz:
                    raise AudioFileError(f"is longer than {max_s / 3600:.0f} hours")
                blocks.append(block)
    except (av.FFmpegError, ValueError) as error:
        if not blocks:
            raise NoAudioError("not readable as audio") from error
        raise AudioFileError("is broken: cannot be decoded to its end") from error
    damage.check()
    if not blocks:
        raise NoAudioError("not readable as audio: holds no audio")
    if declared_s - count / rate_hz > max(0.5, 0.02 * declared_s):
        raise AudioFileError("is cut off: shorter than its header says")
    return rate_hz, np.concatenate(blocks)


def check_form(channels: int, rate_hz: int) -> None:
    """Raises AudioFileError for more channels, or other rates, than any telephone or recorder has."""
    if channels > MAX_CHANNELS:
        raise AudioFileError(f"has {channels} channels, more than {MAX_CHANNELS}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioFileError(f"has {rate_hz} samples a second, not {MIN_RATE_HZ} to {MAX_RATE_HZ}")


class _Damage:
    """Counts packets that cannot be decoded; one may be the beginning of a stream that was cut out of a longer one."""

    def __init__(self) -> None:
        self.packets = self.broken = 0

    def check(self) -> None:
        """Raises AudioFileError for more than one packet of a hundred."""
        if self.broken > max(1, self.packets // 100):
            raise AudioFileError(f"is broken: {self.broken} of {self.packets} packets cannot be decoded")


def _blocks(container: Any, stream: Any, damage: _Damage) -> Iterator[tuple[int, Samples]]:
    resampler: Any = None
    for packet in container.demux(stream):
        damage.packets += 1
        try:
            decoded = packet.decode()
        except av.error.InvalidDataError:
            damage.broken += 1
            continue
        for frame in decoded:
            if resampler is None:
                check_form(frame.layout.nb_channels, frame.sample_rate)
                resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
            for part in resampler.resample(frame):
                yield frame.sample_rate, np.asarray(part.to_ndarray().T, np.float32)
