"""Write a network as an ONNX file with integer convolutions, its weights in as few bits as they need.

Four-bit weights are stored as such and cast to bytes when the file is loaded: a constant cast costs a running service
nothing, and the integer convolution is the same as for eight-bit weights.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from training.integers.layers import FLOAT_BITS, Convolution

_OPSET = 21
"""The first operator set with four-bit integers."""


def write(network: nn.Module, example: Tensor, names: tuple[str, str], axes: Mapping[int, str], path: Path) -> None:
    """Write a rounded network. `names`: of input and output. `axes`: the input's dynamic ones, by names; the first one
    is the output's too."""
    exported = io.BytesIO()
    torch.onnx.export(
        network.eval(), (example,), exported, input_names=[names[0]], output_names=[names[1]],
        dynamic_axes={names[0]: dict(axes), names[1]: {0: axes[0]}},
        opset_version=18, do_constant_folding=False, dynamo=False,
    )  # fmt: skip
    model = onnx.load_from_string(exported.getvalue())
    model.opset_import[0].version = _OPSET
    graph = model.graph
    stored = _Stored(model)
    for name, layer in network.named_modules():
        if isinstance(layer, Convolution):
            stored.replace(name, layer)
    for tensor in graph.initializer:
        stored.shrink(tensor)
    made = [node for node in graph.node if node.output[0] not in stored.tensors]
    nodes = _needed([*stored.nodes, *made], names[1])
    used = {name for node in nodes for name in node.input}
    tensors = [one for one in graph.initializer if one.name not in stored.gone] + list(stored.tensors.values())
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(one for one in tensors if one.name in used)
    graph.node.extend(nodes)
    _shorten(graph, names)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class _Stored:
    """Nodes and tensors that stand for a model's weights."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}
        self.gone: set[str] = set()
        self._taker = {node.input[1]: node for node in model.graph.node if node.op_type == "Conv"}
        self._maker = {name: node for node in model.graph.node for name in node.output}
        known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                step, zero = (self._constant(name) for name in node.input[1:])
                node.input[1] = self._tensor(f"step {float(step)!r}", step.astype(np.float32))
                node.input[2] = self._tensor(f"zero {int(zero)}", zero.astype(np.uint8))
                if node.input[0] in known:
                    whole = np.round(known[node.input[0]] / step) + zero
                    self._tensor(node.output[0], whole.clip(0, 255).astype(np.uint8))

    def replace(self, name: str, layer: Convolution) -> None:
        """Integers for a convolution's weights and, where its input is on a grid, for its bias."""
        conv = self._taker[f"{name}.weight"]
        integers, step = layer.integers, layer.step
        whole = self._integers(f"{name}.integers", integers, layer.bits)
        self.gone.add(f"{name}.weight")
        if layer.bits == FLOAT_BITS:
            wide = self._tensor(f"{name}.step", step.reshape(-1, *[1] * (integers.ndim - 1)))
            self.nodes.append(helper.make_node("Cast", [whole], [f"{name}.whole"], to=TensorProto.FLOAT))
            self.nodes.append(helper.make_node("Mul", [f"{name}.whole", wide], [f"{name}.weight"]))
            return
        self._dequantise(whole, f"{name}.weight", step, np.int8)
        above = self._input_step(conv.input[0]) * step
        bias = np.round(layer.bias.detach().numpy() / above).clip(-(2**31), 2**31 - 1).astype(np.int32)
        self.gone.add(f"{name}.bias")
        self._dequantise(self._tensor(f"{name}.offset", bias), f"{name}.bias", above.astype(np.float32), np.int32)

    def shrink(self, tensor: onnx.TensorProto) -> None:
        """A row of one number is made when the file is loaded."""
        values = numpy_helper.to_array(tensor)
        if values.ndim == 1 and len(values) > 1 and (values == values[0]).all():
            self.gone.add(tensor.name)
            length = self._tensor(f"length {len(values)}", np.array([len(values)]))
            one = numpy_helper.from_array(values[:1])
            self.nodes.append(helper.make_node("ConstantOfShape", [length], [tensor.name], value=one))

    def _integers(self, name: str, integers: NDArray[np.int8], bits: int) -> str:
        if bits > 4:
            return self._tensor(name, integers)
        low, high = integers.reshape(-1, 2).T.astype(np.uint8) & 15
        packed = (low | high << 4).tobytes()
        self.tensors[name] = helper.make_tensor(name, TensorProto.INT4, integers.shape, packed, raw=True)
        self.nodes.append(helper.make_node("Cast", [name], [f"{name}.bytes"], to=TensorProto.INT8))
        return f"{name}.bytes"

    def _dequantise(self, integers: str, result: str, step: NDArray[np.float32], kind: type[np.signedinteger]) -> None:
        zeros = self._tensor(f"zeros.{np.dtype(kind)}.{len(step)}", np.zeros(len(step), kind))
        steps = self._tensor(f"{result}.step", step)
        self.nodes.append(helper.make_node("DequantizeLinear", [integers, steps, zeros], [result], axis=0))

    def _constant(self, name: str) -> NDArray[np.generic]:
        node = self._maker[name]
        while node.op_type == "Cast":
            node = self._maker[node.input[0]]
        return numpy_helper.to_array(node.attribute[0].t)

    def _tensor(self, name: str, values: NDArray[np.generic]) -> str:
        self.tensors[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def _input_step(self, name: str) -> NDArray[np.float32]:
        """Of the activations that reach a convolution."""
        node = self._maker[name]
        while node.op_type != "DequantizeLinear":
            node = self._maker[node.input[0]]
        return numpy_helper.to_array(self.tensors[node.input[1]])


def _needed(nodes: list[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """Those that something is made of, in their order."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _shorten(graph: onnx.GraphProto, kept: tuple[str, str]) -> None:
    """Names take half a megabyte otherwise."""
    numbers = count()
    short = {name: name for name in ("", *kept)}

    def of(name: str) -> str:
        if name not in short:
            short[name] = f"{next(numbers):x}"
        return short[name]

    for node in graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
        node.input[:] = [of(name) for name in node.input]
        node.output[:] = [of(name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = of(tensor.name)
    del graph.value_info[:]
