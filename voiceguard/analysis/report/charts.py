"""The report's pictures as inline SVG, and spectrograms as PNG inside it. The same data give the same bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from statistics import NormalDist
from typing import Any

import numpy as np

from voiceguard.analysis.optional_imports import load
from voiceguard.analysis.results import Point, Run
from voiceguard.events import RATE_HZ, Samples

XY = tuple[float, float]
_SIZE = 300
_LEFT, _BOTTOM, _TOP = 46, 40, 10
_RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
_LOWEST, _HIGHEST = 0.005, 0.95
_SPECTROGRAM_BANDS, _SPECTROGRAM_COLUMNS = 64, 600


@dataclass
class Axes:
    """A plane of `width` by `height` with a frame, from data to the picture's points by two functions onto 0..1."""

    x: Callable[[float], float]
    y: Callable[[float], float]
    width: int = _SIZE
    height: int = _SIZE
    parts: list[str] = field(default_factory=list)

    def at(self, point: XY) -> XY:
        """Where a point of the data lies in the picture."""
        x, y = (min(1.0, max(0.0, share)) for share in (self.x(point[0]), self.y(point[1])))
        return round(_LEFT + x * self.width, 1), round(_TOP + (1.0 - y) * self.height, 1)

    def grid(self, xs: Mapping[float, str], ys: Mapping[float, str], labels: tuple[str, str]) -> None:
        """Lines with their labels, and what the axes mean."""
        for value, text in xs.items():
            x, _ = self.at((value, 0.0))
            self.parts += [
                f'<path class="grid" d="M{x} {_TOP}v{self.height}"/>',
                f'<text x="{x}" y="{_TOP + self.height + 14}" text-anchor="middle">{escape(text)}</text>',
            ]
        for value, text in ys.items():
            _, y = self.at((0.0, value))
            self.parts += [
                f'<path class="grid" d="M{_LEFT} {y}h{self.width}"/>',
                f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{escape(text)}</text>',
            ]
        middle = _TOP + self.height / 2
        self.parts += [
            f'<text class="axis" x="{_LEFT + self.width / 2}" y="{_TOP + self.height + 32}" text-anchor="middle">'
            f"{escape(labels[0])}</text>",
            f'<text class="axis" transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">'
            f"{escape(labels[1])}</text>",
        ]

    def line(self, points: Iterable[XY], style: str) -> None:
        """Straight lines from point to point."""
        path = "L".join(f"{x} {y}" for x, y in map(self.at, points))
        if path:
            self.parts.append(f'<path class="{style}" d="M{path}"/>')

    def dots(self, points: Iterable[XY], style: str) -> None:
        """A dot at each point."""
        self.parts += [f'<circle class="{style}" cx="{x}" cy="{y}" r="3"/>' for x, y in map(self.at, points)]

    def svg(self, title: str) -> str:
        """The picture; `title` is read out where it cannot be seen."""
        width, height = _LEFT + self.width + 12, _TOP + self.height + _BOTTOM
        return (
            f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(title)}">'
            f"{''.join(self.parts)}</svg>"
        )


def det(curves: Mapping[str, Sequence[XY]]) -> str:
    """Misses against false alarms on axes where normal scores make straight lines (Martin et al. 1997)."""
    low, high = _probit(_LOWEST), _probit(_HIGHEST)

    def share(rate: float) -> float:
        return (_probit(rate) - low) / (high - low)

    axes = Axes(share, share)
    ticks = {rate: f"{100 * rate:g}" for rate in _RATES}
    axes.grid(ticks, ticks, ("genuine calls flagged, %", "frauds missed, %"))
    axes.line([(_LOWEST, _LOWEST), (_HIGHEST, _HIGHEST)], "diagonal")
    for number, points in enumerate(curves.values(), 1):
        axes.line(points, f"curve c{number}")
    return axes.svg("DET curve: " + ", ".join(curves))


def reliability(curves: Mapping[str, Sequence[XY]]) -> str:
    """What the evidence says against what was true; a calibrated score lies on the diagonal."""
    axes = Axes(float, float)
    ticks = {tenth / 10: f"{10 * tenth}" for tenth in range(0, 11, 2)}
    axes.grid(ticks, ticks, ("probability that the evidence gives, %", "share that was fraud, %"))
    axes.line([(0.0, 0.0), (1.0, 1.0)], "diagonal")
    for number, points in enumerate(curves.values(), 1):
        axes.line(points, f"curve c{number}")
        axes.dots(points, f"dot c{number}")
    return axes.svg("reliability: " + ", ".join(curves))


def trade_off(threshold: Mapping[str, Any]) -> str:
    """Frauds that a handover would stop, against the genuine callers it would hand over, at every threshold."""
    curve = [(handed_over, stopped) for _, handed_over, stopped in threshold["curve"]]
    most = max(100.0, *(handed_over for handed_over, _ in curve))
    axes = Axes(lambda value: value / most, float, width=420, height=220)
    step = most / 5
    axes.grid(
        {step * at: f"{step * at:.0f}" for at in range(6)}, {at / 4: f"{25 * at}" for at in range(5)},
        ("genuine callers handed over, of 1,000", "frauds stopped, %"),
    )
    budget = threshold["budget_per_1000"]
    axes.line([(budget, 0.0), (budget, 1.0)], "budget")
    axes.line(curve, "curve c1")
    axes.dots([(threshold["handovers_per_1000"], threshold["frauds_stopped"])], "dot c2")
    return axes.svg("frauds stopped against genuine callers handed over")


def risk_line(run: Run, *, duration_s: float, high: float, spoof_from_s: float | None) -> str:
    """The risk over a call, with the time from which the caller is not genuine, and each question."""
    length = max(duration_s, 1.0)
    axes = Axes(lambda at_s: at_s / length, lambda score: score / 100.0, width=600, height=110)
    step = next(step for step in (5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600) if length / step <= 12 or step == 3600)
    axes.grid(
        {float(at_s): f"{at_s}" for at_s in range(0, int(length) + 1, step)}, {0.0: "0", 50.0: "50", 100.0: "100"},
        ("seconds", "risk, %"),
    )
    if spoof_from_s is not None:
        (left, top), (right, bottom) = axes.at((spoof_from_s, 100.0)), axes.at((length, 0.0))
        axes.parts.insert(
            0, f'<rect class="spoof" x="{left}" y="{top}" width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
        )
    axes.line([(0.0, 100 * high), (length, 100 * high)], "budget")
    for stretch in _stretches(run.line):
        axes.line([(point.at_s, float(point.score or 0)) for point in stretch], "curve c1")
        axes.dots([(point.at_s, float(point.score or 0)) for point in stretch[-1:]], "dot c1")
    for asked_s in sorted({one.asked_s for one in run.decided}):
        axes.line([(asked_s, 0.0), (asked_s, 100.0)], "asked")
    return axes.svg("risk over the call")


def spectrogram(caller: Samples) -> str:
    """The caller's channel (n,) at 8 kHz in mel bands over time, 70 dB deep, as a PNG in a data URI.

    Raises ConfigurationError without the extra `analysis`.
    """
    librosa, image = load("librosa"), load("matplotlib.image")
    hop = max(80, -(-len(caller) // _SPECTROGRAM_COLUMNS))
    padded = np.pad(caller, (0, max(0, 512 - len(caller))))
    power = librosa.feature.melspectrogram(
        y=padded, sr=RATE_HZ, n_fft=512, hop_length=hop, n_mels=_SPECTROGRAM_BANDS, fmin=60, fmax=RATE_HZ // 2
    )
    picture = librosa.power_to_db(power, ref=np.max, top_db=70.0)
    file = io.BytesIO()
    image.imsave(file, picture[::-1], cmap="gray_r", vmin=-70.0, vmax=0.0, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _stretches(line: Sequence[Point]) -> list[list[Point]]:
    """Runs of points that have a number."""
    found: list[list[Point]] = [[]]
    for point in line:
        if point.score is not None:
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


def _probit(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, 1e-4), 1 - 1e-4))
