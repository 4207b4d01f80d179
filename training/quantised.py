"""Networks as ONNX files with int8 convolutions, input ranges fixed on what is heard in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

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
from torch import Tensor, nn

_OPSET = 18


def write(
    network: nn.Module, example: Tensor, names: tuple[str, str], axes: Mapping[int, str],
    batches: Iterable[NDArray[np.float32]], path: Path, stays_float: Callable[[str], bool] = lambda node: False,
) -> None:
    """Write `network`; its convolutions take int8, all else stays in float.

    `names`: of input and output. `axes`: the input's dynamic ones; the first is the output's too. `batches`: inputs
    that fix the ranges: found at run time, they would hang on who else is on the line. `stays_float`: whether the
    convolution of this name does.

    Weights use seven bits, so that sums of pairs fit 16 bits on x86 processors without VNNI too: the same file then
    gives the same numbers everywhere.
    """
    with TemporaryDirectory() as folder:
        plain, ready = Path(folder) / "plain.onnx", Path(folder) / "ready.onnx"
        torch.onnx.export(
            network.eval(), (example,), str(plain), input_names=[names[0]], output_names=[names[1]],
            dynamic_axes={names[0]: dict(axes), names[1]: {0: axes[0]}}, opset_version=_OPSET, dynamo=False,
        )  # fmt: skip
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(ready).graph.node if node.op_type == "Conv"]
        quantize_static(
            str(ready),
            str(path),
            _Batches(names[0], batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=[name for name in convolutions if not stays_float(name)],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    onnx.checker.check_model(str(path))


class _Batches(CalibrationDataReader):  # type: ignore[misc] # onnxruntime is untyped
    def __init__(self, name: str, batches: Iterable[NDArray[np.float32]]) -> None:
        self._name, self._batches = name, iter(batches)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}
