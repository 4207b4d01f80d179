"""Networks as int8 ONNX files, ranges fixed on training windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from training.synthetic.dataset import read_clips, read_noises, window
from training.synthetic.settings import Settings
from voiceguard.detectors import synthetic

FRAMES = 398
_OPSET = 18
_BATCHES = 6


def write(network: nn.Module, bands: int, output: str, path: Path, settings: Settings) -> None:
    """Write `network`, which takes spectra (batch, 398, bands), with int8 convolutions; correlations and judge float.

    Ranges taken at run time would be quicker to make, but they span the whole batch: a caller's score would then
    depend on who else is on the line. Weights use seven bits, as in the speaker encoder, for the same file to give the
    same score on every x86 processor.
    """
    plain, ready = path.with_suffix(".float.onnx"), path.with_suffix(".ready.onnx")
    torch.onnx.export(
        network.eval(),
        (torch.zeros(2, FRAMES, bands),),
        str(plain),
        input_names=["spectra"],
        output_names=[output],
        dynamic_axes={"spectra": {0: "batch"}, output: {0: "batch"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready),
        str(path),
        _Batches(training_windows(settings)),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    onnx.checker.check_model(str(path))
    for passing in (plain, ready):
        passing.unlink()


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, spectra: list[NDArray[np.float32]]) -> None:
        self._batches = iter(spectra)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"spectra": batch}


def training_windows(settings: Settings) -> list[NDArray[np.float32]]:
    """Batches of 16 windows of clips drawn by weight, half of them through plain mu-law."""
    clips, noises = read_clips(settings.work), read_noises(settings.work)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(len(clips.spoof), (_BATCHES, 16), p=clips.weights(settings.config["train"]["attack_share"]))
    return [
        synthetic.prepare(
            [window(clips.audio(int(row)), ("pcmu", "line")[int(row) % 2], noises, rng) for row in rows],
            settings.config["spectra"],
        )
        for rows in chosen
    ]
