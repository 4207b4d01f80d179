"""Recordings to embeddings, by the same steps as a live call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import quick_ms
from voiceguard.adapters.models.onnx import load_model
from voiceguard.detectors import speaker
from voiceguard.events import Samples, Window
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec
from voiceguard.speech.vad import FRAME_S

Embedding = NDArray[np.float32]
LEAST_S = 0.3
"""Net speech below which a clip is not scored at all, seconds."""


class Encoder:
    """The shipped model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = load_model(folder)
        self.calibration = speaker.Calibration(**self.model.card["calibration"])
        card = self.model.card
        self._live = WindowSpec(card["task"], card["window_s"], card["hop_s"], card["min_window_s"])

    def track(self) -> SpeechTrack:
        """One channel of a live call."""
        return SpeechTrack(SpeechOptions(), (self._live,))

    def embed(self, window: Window) -> Embedding:
        """Unit-length embedding (192,)."""
        return speaker.normalise(self.model.run(speaker.prepare([window.samples]))[0])

    def first_window(self, samples: Samples) -> Window | None:
        """The first 3 s of net speech, or all there is; None when that is next to nothing."""
        every_frame = WindowSpec(self._live.task, self._live.window_s, 0.02, LEAST_S)
        windows = SpeechTrack(SpeechOptions(), (every_frame,)).feed(samples)
        return next((window for window in reversed(windows) if window.end_net_s <= self._live.window_s), None)

    def net_speech(self, samples: Samples) -> Samples:
        """All net speech of a clip (n,)."""
        frames = WindowSpec(self._live.task, FRAME_S, FRAME_S, FRAME_S)
        heard = SpeechTrack(SpeechOptions(), (frames,)).feed(samples)
        return np.concatenate([frame.samples for frame in heard] or [samples[:0]])

    def whole(self, speech: Samples) -> Embedding:
        """Unit-length embedding (192,) of a clip's net speech, as ``voiceguard score speakers`` hears it."""
        parts = speaker.pieces(speech)
        outputs = [self.model.run(speaker.prepare([part]))[0] for part in parts]
        return speaker.enrol(outputs, [len(part) for part in parts])

    def same_speaker_llr(self, cosine: float, first_s: float, second_s: float) -> float:
        """Evidence of one voice, nats; seconds of net speech behind either side."""
        return float(speaker.same_speaker_llr(cosine, first_s, second_s, self.calibration))

    def time_window(self, repeats: int = 60) -> dict[str, float]:
        """Milliseconds of one core for a window of 3 s, batch 1; the least disturbed tenth of runs."""
        samples = (np.random.default_rng(1).standard_normal(speaker.WINDOW_SAMPLES) * 0.1).astype(np.float32)
        bands = speaker.prepare([samples])
        front_end_ms = quick_ms(lambda: speaker.prepare([samples]), repeats)
        model_ms = quick_ms(lambda: self.model.run(bands), repeats)
        return {
            "front_end_ms": front_end_ms,
            "model_ms": model_ms,
            "core_share_per_net_second": (front_end_ms + model_ms) / 1000 / self.model.card["hop_s"],
        }
