"""Audio files of analysts and tests: any rate and container that libsndfile reads, to float32 at 8 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from voiceguard.errors import AudioFileError
from voiceguard.events import RATE_HZ, Samples

MAX_DURATION_S = 4 * 3600
"""Longer files are refused: 4 h of one channel are 460 MB of samples."""
MAX_CHANNELS = 8
_MIN_RATE_HZ, _MAX_RATE_HZ = 4000, 192_000
_BLOCK_FRAMES = 1 << 16
# Writers that cannot seek back leave these instead of a length.
_UNKNOWN_LENGTHS = (0, 0x7FFFFFFF, 0xFFFFFFFF)


def read_channels(path: Path) -> Samples:
    """Every channel of a file, shape (channels, samples), at 8 kHz, within [-1, 1].

    Reads wav (linear, float, mu-law, A-law, GSM), flac, ogg and mp3. Raises AudioFileError when the file is missing, is
    no audio, is empty, cut off, longer than 4 h, or holds samples that are not numbers; the text names no path.
    """
    try:
        _refuse_cut_off_wav(path)
        with soundfile.SoundFile(path) as file:
            rate_hz, frames = file.samplerate, _read_frames(file)
    except OSError as error:
        raise AudioFileError(error.strerror or "cannot be opened") from error
    except ValueError as error:
        raise AudioFileError("this is no path") from error
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"not readable as audio: {error.error_string}") from error
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


def _read_frames(file: soundfile.SoundFile) -> Samples:
    """Decode in blocks, so that a header cannot promise more memory than the limit."""
    if file.channels > MAX_CHANNELS:
        raise AudioFileError(f"has {file.channels} channels, more than {MAX_CHANNELS}")
    if not _MIN_RATE_HZ <= file.samplerate <= _MAX_RATE_HZ:
        raise AudioFileError(f"has {file.samplerate} samples a second, not {_MIN_RATE_HZ} to {_MAX_RATE_HZ}")
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


def _refuse_cut_off_wav(path: Path) -> None:
    """libsndfile reads what is left of a WAV file without a word; the RIFF header knows how much there should be."""
    with path.open("rb") as file:
        header = file.read(12)
    if header[:4] != b"RIFF" or header[8:] != b"WAVE":
        return
    promised = int.from_bytes(header[4:8], "little")
    if promised not in _UNKNOWN_LENGTHS and promised + 8 > path.stat().st_size + 1:
        raise AudioFileError("is cut off: shorter than its header says")
