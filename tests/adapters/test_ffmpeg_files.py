"""Containers that FFmpeg reads, and what they must not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from benchmarks.detection.probes import probe
from voiceguard.adapters.ffmpeg_files import decode
from voiceguard.errors import AudioFileError

SPEECH = probe(1, 1.0)
CONTAINERS = (("a.m4a", "aac"), ("a.webm", "libopus"), ("a.amr", "libopencore_amrnb"), ("a.mp3", "libmp3lame"),
              ("a.AIFF", "pcm_s16be"), ("ms.wav", "adpcm_ms"))


def _encode(path: Path, codec: str) -> None:
    rate_hz = {"aac": 16000, "libopus": 48000, "libmp3lame": 16000}.get(codec, 8000)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((SPEECH * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = 8000
        form = stream.codec_context.codec.audio_formats[0].name
        resampler, queue = av.AudioResampler(format=form, layout="mono", rate=rate_hz), av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            queue.write(part)
        while (block := queue.read(1024, partial=True)) is not None:
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_containers_of_recorders_are_read(tmp_path: Path, name: str, codec: str) -> None:
    """Whatever FFmpeg reads; nothing is written to the terminal."""
    _encode(tmp_path / name, codec)

    rate_hz, frames = decode(tmp_path / name, 10.0)
    assert abs(len(frames) / rate_hz - 1.0) < 0.15
    assert frames.dtype == np.float32
    with pytest.raises(AudioFileError, match="is longer than"):
        decode(tmp_path / name, 0.5)


@pytest.mark.parametrize("text", [
    "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n", "ffconcat version 1.0\nfile '{}'\n",
    "v=0\nm=audio 1 RTP/AVP 0\n",
])
def test_playlist_reads_no_other_file(tmp_path: Path, text: str) -> None:
    """What is named in a recording is not opened."""
    other = tmp_path / "other.wav"
    soundfile.write(other, SPEECH, 8000)
    (tmp_path / "a.wav").write_text(text.format(other))

    with pytest.raises(AudioFileError):
        decode(tmp_path / "a.wav", 10.0)
