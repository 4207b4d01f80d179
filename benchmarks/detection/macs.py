"""What a window costs: milliseconds of one core, and multiply-accumulates as the literature counts them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.detection.scoring import load_detector
from benchmarks.timing import quick_ms
from voiceguard.detectors.synthetic import WINDOW_SAMPLES

AASIST_MACS = 8.9e9
"""For 4 s at 16 kHz, as Xiao, Dang and Das give it beside their RawTFNet (arXiv 2507.08227, 2025)."""
_BATCH = 4
_MATRIX = {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul"}
_CONVOLUTION = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Operator to the place of the kernel among its inputs."""


def cost(folder: Path, repeats: int = 300) -> dict[str, Any]:
    """Cost of one window of 4 s; times are the least disturbed tenth of runs, MACs are the network's alone."""
    detector = load_detector(folder)
    window = (np.random.default_rng(1).standard_normal(WINDOW_SAMPLES) * 0.1).astype(np.float32)
    batch = [window] * _BATCH
    prepared = detector.prepare([window])
    front_end_ms = quick_ms(lambda: detector.prepare([window]), repeats)
    model_ms = quick_ms(lambda: detector.model.run(prepared), repeats)
    batch_ms = quick_ms(lambda: detector.model.run(detector.prepare(batch)), max(repeats // _BATCH, 2)) / _BATCH
    weights = (folder / "model.onnx").read_bytes()
    macs = count_macs(profile(weights, detector.model.card["input"]["name"], prepared))
    return {
        "front_end_ms": front_end_ms,
        "model_ms": model_ms,
        "in_batch_of_4_ms": batch_ms,
        "core_share_per_window_second": (front_end_ms + model_ms) / 1000 / detector.model.card["hop_s"],
        "macs": macs,
        "macs_to_aasist": macs / AASIST_MACS,
        "file_mb": len(weights) / 1e6,
    }


def count_macs(operations: Iterable[Mapping[str, Any]]) -> int:
    """Multiply-accumulates of matrix products and convolutions, quantised ones alike.

    `operations`: as ONNX Runtime's profiler gives them, each with `op_name`, and `input_type_shape` and
    `output_type_shape`, lists of one {type: shape}. Matrices are taken as they lie, not transposed.
    """
    total = 0
    for operation in operations:
        name, inputs = operation["op_name"], operation["input_type_shape"]
        if name in _MATRIX:
            per_output = _shape(inputs[0])[-1]
        elif name in _CONVOLUTION:
            # A kernel is (out channels, in channels of the group, ...): each output takes all but its first axis.
            per_output = math.prod(_shape(inputs[_CONVOLUTION[name]])[1:])
        else:
            continue
        total += per_output * math.prod(_shape(operation["output_type_shape"][0]))
    return total


def _shape(tensor: Mapping[str, list[int]]) -> list[int]:
    (shape,) = tensor.values()
    return shape


def profile(weights: bytes, name: str, values: NDArray[np.float32]) -> list[Mapping[str, Any]]:
    """Every operation of one run of an ONNX model on its input `name`, none fused with another."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Weights that are packed for speed have no shape in the profile.
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.enable_profiling = True
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        session.run(None, {name: values})
        events = json.loads(Path(session.end_profiling()).read_text())
    return [event["args"] for event in events if event.get("cat") == "Node" and "op_name" in event.get("args", {})]
