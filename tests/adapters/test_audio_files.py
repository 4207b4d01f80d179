"""Files of any kind to 8 kHz, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.detection.probes import probe
from voiceguard.adapters import audio_files
from voiceguard.adapters.audio_files import clipped, look, read_caller, read_channels, read_mono_8k
from voiceguard.errors import AudioFileError

SPEECH = probe(1, 1.0)


def _write(path: Path, samples: np.ndarray, rate_hz: int = 8000, **how: str) -> Path:
    soundfile.write(path, samples, rate_hz, **how)
    return path


@pytest.mark.parametrize(("name", "subtype", "error"), [
    ("a.wav", "PCM_16", 1e-4), ("a.wav", "FLOAT", 1e-7), ("a.wav", "ULAW", 0.05), ("a.wav", "ALAW", 0.05),
    ("a.flac", "PCM_16", 1e-4),
])
def test_samples_of_a_file_come_back(tmp_path: Path, name: str, subtype: str, error: float) -> None:
    """Within what the encoding keeps, as float32."""
    samples = read_mono_8k(_write(tmp_path / name, SPEECH, subtype=subtype))

    assert samples.dtype == np.float32
    assert samples == pytest.approx(SPEECH, abs=error)


@pytest.mark.parametrize(("name", "subtype"), [("a.ogg", "VORBIS"), ("a.ogg", "OPUS"), ("a.wav", "GSM610")])
def test_lossy_files_are_read(tmp_path: Path, name: str, subtype: str) -> None:
    """Their length and their speech stay about the same."""
    samples = read_mono_8k(_write(tmp_path / name, SPEECH, subtype=subtype))

    assert abs(len(samples) - len(SPEECH)) <= 320
    shared = min(len(samples), len(SPEECH))
    assert np.corrcoef(samples[:shared], SPEECH[:shared])[0, 1] > 0.8


@pytest.mark.parametrize("rate_hz", [11025, 16000, 44100, 48000])
def test_other_rates_become_8_khz(tmp_path: Path, rate_hz: int) -> None:
    """A tone keeps its pitch, and the file its length."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)

    samples = read_mono_8k(_write(tmp_path / "a.wav", tone, rate_hz))

    assert abs(len(samples) - 8000) <= 1
    assert np.abs(np.fft.rfft(samples[:8000], 8000)).argmax() == 1000


def test_channels_stay_apart_unless_mixed(tmp_path: Path) -> None:
    """Caller and agent by number; without one, their mean."""
    path = _write(tmp_path / "a.wav", np.stack([SPEECH, -0.5 * SPEECH], axis=1), subtype="FLOAT")

    assert read_channels(path).shape == (2, 8000)
    assert read_mono_8k(path, 1) == pytest.approx(-0.5 * SPEECH, abs=1e-6)
    assert read_mono_8k(path) == pytest.approx(0.25 * SPEECH, abs=1e-6)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_is_not_there_is_refused(tmp_path: Path, channel: int) -> None:
    """Python's counting from the end is no channel."""
    path = _write(tmp_path / "a.wav", np.stack([SPEECH, SPEECH], axis=1))

    with pytest.raises(AudioFileError, match="no channel"):
        read_mono_8k(path, channel)


def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    """Float files may hold anything finite."""
    samples = read_mono_8k(_write(tmp_path / "a.wav", np.full(800, 3.0), subtype="FLOAT"))

    assert samples.tolist() == [1.0] * 800


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    """One of them would silence a whole window."""
    with pytest.raises(AudioFileError, match="not numbers"):
        read_mono_8k(_write(tmp_path / "a.wav", np.array([0.0, value, 0.0]), subtype="FLOAT"))


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    """A header alone."""
    with pytest.raises(AudioFileError, match="no audio"):
        read_mono_8k(_write(tmp_path / "a.wav", np.zeros(0)))


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    """Half a recording would be judged as if it were the whole."""
    path = _write(tmp_path / "a.wav", SPEECH)
    path.write_bytes(path.read_bytes()[:-4000])

    with pytest.raises(AudioFileError, match="cut off"):
        read_mono_8k(path)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_file_whose_writer_could_not_seek_back_is_read(tmp_path: Path, length: int) -> None:
    """Streamed WAV files have no length in the RIFF header."""
    path = _write(tmp_path / "a.wav", SPEECH)
    content = bytearray(path.read_bytes())
    content[4:8] = length.to_bytes(4, "little")
    path.write_bytes(content)

    assert len(read_mono_8k(path)) == 8000


def test_a_file_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in what is decoded, not in what the header says."""
    monkeypatch.setattr(audio_files, "MAX_DURATION_S", 1)

    assert len(read_mono_8k(_write(tmp_path / "a.wav", SPEECH))) == 8000
    with pytest.raises(AudioFileError, match="longer"):
        read_mono_8k(_write(tmp_path / "b.wav", np.zeros(8001)))


@pytest.mark.parametrize(("samples", "rate_hz"), [(np.zeros(100), 1000), (np.zeros((100, 9)), 8000)])
def test_strange_headers_are_refused(tmp_path: Path, samples: np.ndarray, rate_hz: int) -> None:
    """A rate below telephone speech, and more channels than a call has."""
    with pytest.raises(AudioFileError, match=r"samples a second|channels"):
        read_mono_8k(_write(tmp_path / "a.wav", samples, rate_hz))


def test_a_missing_file_is_refused_without_its_path(tmp_path: Path) -> None:
    """Paths may name people."""
    with pytest.raises(AudioFileError) as refused:
        read_mono_8k(tmp_path / "jane-doe.wav")

    assert str(refused.value) == "No such file or directory"


@settings(max_examples=60, deadline=None)
@given(start=st.sampled_from([b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"fLaC", b"OggS", b"ID3"]), rest=st.binary())
def test_bytes_that_are_no_audio_are_refused(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    """Whatever they look like, the one error that callers handle."""
    path = tmp_path_factory.mktemp("noise") / "a.wav"
    path.write_bytes(start + rest)

    with pytest.raises(AudioFileError):
        read_channels(path)


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_wav_of_a_pipe_is_read_to_its_end(tmp_path: Path, length: int) -> None:
    """sox and espeak-ng, arecord, FFmpeg, and a recorder that crashed leave these lengths."""
    path = _write(tmp_path / "a.wav", SPEECH)
    data = bytearray(path.read_bytes())
    data[4:8] = ((length + 0x24) % 2**32 if length else 0).to_bytes(4, "little")
    data[40:44] = length.to_bytes(4, "little")
    path.write_bytes(data)

    assert read_mono_8k(path) == pytest.approx(SPEECH, abs=1e-4)
    assert (1, len(SPEECH) / 8000) == look(path)


def test_wav_without_samples_is_empty_whatever_follows(tmp_path: Path) -> None:
    """A length of 0 in a file whose whole length is right is meant."""
    path = _write(tmp_path / "a.wav", np.zeros(0))
    data = bytearray(path.read_bytes() + b"LIST\x04\0\0\0INFO")
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(AudioFileError, match="holds no audio"):
        read_mono_8k(path)


@pytest.mark.parametrize("short", [0.3, 0.9])
def test_flac_that_is_cut_off_is_refused(tmp_path: Path, short: float) -> None:
    """libsndfile gives what is left of it without a word."""
    path = _write(tmp_path / "a.flac", np.tile(SPEECH, 5))
    path.write_bytes(path.read_bytes()[:int(short * path.stat().st_size)])

    with pytest.raises(AudioFileError, match="cut off|broken"):
        read_mono_8k(path)


def test_caller_of_two_channels_is_named_or_refused(tmp_path: Path) -> None:
    """Never the mean of two people; a recorder that wrote one voice twice is fine."""
    two = _write(tmp_path / "a.wav", np.stack([SPEECH, -SPEECH], axis=1))
    twice = _write(tmp_path / "b.wav", np.stack([SPEECH, SPEECH], axis=1))

    with pytest.raises(AudioFileError, match="has 2 channels"):
        read_caller(two)
    assert read_caller(two, 1) == pytest.approx(-SPEECH, abs=1e-4)
    assert read_caller(twice) == pytest.approx(SPEECH, abs=1e-4)
    with pytest.raises(AudioFileError, match="has no channel 2"):
        read_caller(two, 2)


def test_clipped_tells_what_is_at_full_scale() -> None:
    """Loud speech is not clipped; speech that is pressed against full scale is."""
    assert clipped(SPEECH) == 0.0
    assert clipped(np.clip(20 * SPEECH, -1, 1)) > 0.01
    assert clipped(np.zeros(0, np.float32)) == 0.0
