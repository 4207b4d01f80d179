"""Audio files of analysts and tests: any rate and container that libsndfile or FFmpeg reads, to float32 at 8 kHz."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from voiceguard.adapters.ffmpeg_files import MAX_CHANNELS, MAX_RATE_HZ, NoAudioError, check_form, decode
from voiceguard.errors import AudioFileError
from voiceguard.events import RATE_HZ, Samples

MAX_DURATION_S = 4 * 3600
"""Longer files are refused: 4 h of one channel are 460 MB of samples."""
_BLOCK_FRAMES = 1 << 16
_UNKNOWN_BYTES = 0x7FF00000
"""Writers that cannot seek back leave a length of about 2 GB or 4 GB, or 0: sox and espeak-ng 0x7FFFF000, arecord
0x80000000, FFmpeg 0xFFFFFFFF, a recorder that crashed 0."""
SIDES: Mapping[str, int] = {"left": 0, "right": 1, **{str(number): number for number in range(MAX_CHANNELS)}}
"""Names of the channels of a file."""
_CLIPPED_AT, _CLIPPED_SHARE = 0.98, 0.001


def read_channels(path: Path) -> Samples:
    """Every channel of a file, shape (channels, samples), at 8 kHz, within [-1, 1].

    Reads whatever libsndfile and FFmpeg's demuxers read. Raises AudioFileError when the file is missing, is no audio,
    is empty, broken, cut off, longer than 4 h, or holds samples that are not numbers; the text names no path.
    """
    try:
        rate_hz, frames = _decoded(path)
    except OSError as error:
        raise AudioFileError(error.strerror or "cannot be opened") from error
    except ValueError as error:
        raise AudioFileError("this is no path") from error
    if not np.isfinite(frames).all():
        raise AudioFileError("holds samples that are not numbers")
    if rate_hz != RATE_HZ:
        frames = soxr.resample(frames, rate_hz, RATE_HZ, quality="HQ")
    if len(frames) == 0:
        raise AudioFileError("holds no audio")
    return np.ascontiguousarray(np.clip(frames, -1.0, 1.0).T, dtype=np.float32)


def read_mono_8k(path: Path, channel: int | None = None) -> Samples:
    """One channel of a file, shape (samples,), at 8 kHz; without `channel`, the mean of all.

    Raises AudioFileError as `read_channels` does, and when the file lacks that channel.
    """
    channels = read_channels(path)
    if channel is None:
        return np.asarray(channels.mean(axis=0), dtype=np.float32)
    if not 0 <= channel < len(channels):
        raise AudioFileError(f"has no channel {channel}, only {len(channels)}")
    return np.asarray(channels[channel])


def read_caller(path: Path, side: int | None = None) -> Samples:
    """The caller's channel of a file, shape (samples,), at 8 kHz: the one of number `side`, or the only one there is.

    Raises AudioFileError as `read_channels` does, when the file lacks that channel, and without `side` for a file
    whose channels differ: caller and agent must never be judged as one voice.
    """
    channels = read_channels(path)
    if side is None and len(channels) > 1 and np.abs(channels - channels[0]).max() > 1e-3:
        raise AudioFileError(
            f"has {len(channels)} channels: say which is the caller's (--side left, right or its number, or a column "
            "side)"
        )
    if side is not None and not 0 <= side < len(channels):
        raise AudioFileError(f"has no channel {side}, only {len(channels)}")
    return np.asarray(channels[side or 0])


def clipped(samples: Samples) -> float:
    """Share of samples at full scale, where they are enough to change how the voice sounds; else 0."""
    share = float(np.mean(np.abs(samples) >= _CLIPPED_AT)) if len(samples) else 0.0
    return share if share >= _CLIPPED_SHARE else 0.0


def look(path: Path) -> tuple[int, float]:
    """Channels and seconds by the file's head; (0, 0.0) where neither library says them."""
    try:
        info = soundfile.info(path)
        if 0 < info.duration < MAX_DURATION_S:
            return info.channels, float(info.duration)
    except (soundfile.LibsndfileError, OSError, ValueError):
        pass
    try:
        channels = read_channels(path)
    except AudioFileError:
        return 0, 0.0
    return len(channels), channels.shape[1] / RATE_HZ


def _decoded(path: Path) -> tuple[int, Samples]:
    """Samples a second and frames, (samples, channels). Raises AudioFileError, OSError, ValueError."""
    with path.open("rb") as file:
        head = file.read(12)
    source: Any = path
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        source = _whole_wav(path)
    elif head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        return decode(path, MAX_DURATION_S)  # libsndfile's decoder of MPEG audio writes to the terminal
    try:
        with soundfile.SoundFile(source) as opened:
            frames = _read_frames(opened)
            if len(frames) < opened.frames <= MAX_DURATION_S * opened.samplerate:
                raise AudioFileError("is cut off: shorter than its header says")
            return opened.samplerate, frames
    except soundfile.LibsndfileError as error:
        try:
            return decode(path, MAX_DURATION_S)
        except NoAudioError:
            raise AudioFileError(f"not readable as audio: {error.error_string}") from error


def _read_frames(file: soundfile.SoundFile) -> Samples:
    """Decode in blocks, so that a header cannot promise more memory than the limit."""
    check_form(file.channels, file.samplerate)
    blocks: list[Samples] = []
    left = MAX_DURATION_S * file.samplerate
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        left -= len(block)
        if left < 0:
            raise AudioFileError(f"is longer than {MAX_DURATION_S // 3600} hours")
        blocks.append(block)
    if not blocks:
        raise AudioFileError("holds no audio")
    return np.concatenate(blocks)


def _whole_wav(path: Path) -> Path | io.BytesIO:
    """The WAV file, with its lengths put right where its writer could not know them.

    libsndfile reads what is left of a WAV file without a word; its head knows how much there should be. Raises
    AudioFileError for a file that is shorter than that.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        promised = int.from_bytes(file.read(12)[4:8], "little")
        at = 12
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                is_unknown = length >= _UNKNOWN_BYTES or (length == 0 and promised + 8 != size)
                there = size - at - 8
                if is_unknown and there != length and there > 0:
                    return _with_lengths(path, at, there)
                break
            at += 8 + length + length % 2
            file.seek(at)
    if 0 < promised < _UNKNOWN_BYTES and promised + 8 > size + 1:
        raise AudioFileError("is cut off: shorter than its header says")
    return path


def _with_lengths(path: Path, at: int, there: int) -> io.BytesIO:
    """The file whose chunk of data begins `at` and has `there` bytes."""
    if there > MAX_DURATION_S * MAX_RATE_HZ * 2:
        raise AudioFileError(f"is longer than {MAX_DURATION_S // 3600} hours")
    data = bytearray(path.read_bytes()[:at + 8 + there])
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    data[at + 4:at + 8] = there.to_bytes(4, "little")
    return io.BytesIO(bytes(data))
