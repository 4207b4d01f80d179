"""Multiply-accumulates, counted on graphs small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.macs import count_macs, profile


def operation(name: str, inputs: list[list[int]], output: list[int]) -> dict[str, object]:
    """As the profiler gives it."""
    return {
        "op_name": name,
        "input_type_shape": [{"float": shape} for shape in inputs],
        "output_type_shape": [{"float": output}],
    }


@pytest.mark.parametrize(
    ("name", "inputs", "output", "macs"),
    [
        ("MatMul", [[1, 6, 200, 64], [1, 6, 64, 100]], [1, 6, 200, 100], 6 * 200 * 64 * 100),
        ("MatMulInteger", [[2, 5], [5, 3]], [2, 3], 2 * 5 * 3),
        ("Gemm", [[1, 2304], [256]], [1, 256], 2304 * 256),
        ("Conv", [[1, 80, 400], [384, 80, 3], [384]], [1, 384, 200], 384 * 200 * 80 * 3),
        ("Conv", [[1, 32, 10, 10], [32, 1, 3, 3]], [1, 32, 10, 10], 32 * 100 * 9),
        ("QLinearConv", [[1, 4, 8], [1], [1], [6, 4, 3], [1], [1], [1], [1]], [1, 6, 8], 6 * 8 * 4 * 3),
        ("Softmax", [[1, 6, 200, 200]], [1, 6, 200, 200], 0),
    ],
)
def test_each_kind_of_product(name: str, inputs: list[list[int]], output: list[int], macs: int) -> None:
    """Outputs times what each of them sums, depthwise and quantised ones included; nothing else counts."""
    assert macs == count_macs([operation(name, inputs, output)])


def test_operations_of_a_real_run_add_up() -> None:
    """A convolution of 2 to 4 channels over 10 samples, then a product with 8 by 3, as the runtime saw them."""
    graph = _graph(
        nodes=[_node("Conv", ["x", "kernel"], "y"), _node("MatMul", ["y", "matrix"], "z")],
        weights={"kernel": np.ones((4, 2, 3), np.float32), "matrix": np.ones((8, 3), np.float32)},
        inputs=("x", (1, 2, 10)), output="z",
    )
    operations = profile(graph, "x", np.ones((1, 2, 10), np.float32))

    assert ["Conv", "MatMul"] == [one["op_name"] for one in operations]
    assert 4 * 8 * 2 * 3 + 4 * 3 * 8 == count_macs(operations)


def _graph(
    nodes: list[bytes], weights: dict[str, np.ndarray], inputs: tuple[str, tuple[int, ...]], output: str
) -> bytes:
    """An ONNX model, field by field of onnx.proto3: the package that writes them is not needed for this."""
    tensors = [
        b"".join(_field(1, size) for size in array.shape) + _field(2, 1) + _field(8, name) + _field(9, array.tobytes())
        for name, array in weights.items()
    ]
    name, shape = inputs
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    given = _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))
    made = _field(1, output) + _field(2, _field(1, _field(1, 1)))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "tiny")
    graph += b"".join(_field(5, tensor) for tensor in tensors) + _field(11, given) + _field(12, made)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 17))


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
