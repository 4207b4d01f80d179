"""The report's pictures: where things lie in them, and that the same data give the same bytes."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from tests.analysis.calls import decided, point
from voiceguard.analysis.report import charts
from voiceguard.analysis.results import Run


def _classes(svg: str) -> list[str]:
    return [element.get("class", "") for element in ElementTree.fromstring(svg).iter()]


def test_axes_map_data_to_the_picture() -> None:
    """Left to right and bottom to top, kept inside the frame."""
    axes = charts.Axes(float, float, width=100, height=200)

    assert [(46.0, 210.0), (146.0, 10.0), (96.0, 110.0), (146.0, 210.0)] == [
        axes.at(at) for at in ((0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (7.0, -7.0))
    ]


def test_labels_are_text_and_never_markup() -> None:
    """Whatever they are made of."""
    axes = charts.Axes(float, float)
    axes.grid({0.0: "<b>"}, {}, ("a & b", "c"))
    svg = axes.svg('x"><script>')

    assert {"<b>", "a & b", "c"} == {element.text for element in ElementTree.fromstring(svg).iter() if element.text}
    assert 'x"><script>' == ElementTree.fromstring(svg).get("aria-label")


def test_det_curve_is_symmetric() -> None:
    """The rates of the diagonal lie on the diagonal, and each curve has its own colour."""
    svg = charts.det({"one": [(0.1, 0.1), (0.2, 0.4)], "two": [(0.5, 0.5)]})
    ((x, y),) = re.findall(r'class="curve c2" d="M(\S+) (\S+)"', svg)

    assert abs((float(x) - 46) - (310 - float(y))) < 0.2
    assert {"curve c1", "curve c2", "diagonal"} <= set(_classes(svg))


def test_risk_line_shows_take_over_questions_and_gaps() -> None:
    """Stretches without a number are not bridged."""
    line = tuple(point(shift, at_s) for at_s, shift in enumerate((None, 0.1, 0.2, None, 0.3)))
    run = Run(policy="p", line=line, decided=(decided("step_up", asked_s=3.0), decided("allow", asked_s=3.0)))
    taken_over = charts.risk_line(run, duration_s=5.0, high=0.1, spoof_from_s=2.5)

    assert ["spoof"] == [name for name in _classes(taken_over) if name == "spoof"]
    assert 2 == _classes(taken_over).count("curve c1")
    assert 1 == _classes(taken_over).count("asked")
    assert "spoof" not in _classes(charts.risk_line(run, duration_s=5.0, high=0.1, spoof_from_s=None))
    assert "svg" in charts.risk_line(Run(policy="p"), duration_s=0.0, high=0.1, spoof_from_s=None)


def test_trade_off_marks_budget_and_choice() -> None:
    """The curve from everybody handed over to nobody."""
    svg = charts.trade_off({
        "curve": [[0.1, 1000.0, 1.0], [0.5, 10.0, 0.8], [1.0, 0.0, 0.0]], "budget_per_1000": 20.0,
        "handovers_per_1000": 10.0, "frauds_stopped": 0.8,
    })

    assert {"curve c1", "budget", "dot c2"} <= set(_classes(svg))


def test_spectrogram_is_a_picture_with_the_tone_in_its_place() -> None:
    """1 kHz of an 8 kHz signal lies in the middle of the mel scale, and the picture has one column for each 10 ms."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 8000).astype(np.float32)
    uri = charts.spectrogram(tone)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L"))

    assert uri == charts.spectrogram(tone)
    assert uri.startswith("data:image/png;base64,")
    assert (64, 201) == picture.shape
    darkest = int(picture[:, 100].argmin())
    assert 64 - 38 < darkest < 64 - 26
    assert Image.open(io.BytesIO(base64.b64decode(charts.spectrogram(tone[:100]).split(",")[1]))).size[0] >= 1
