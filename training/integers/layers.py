"""Layers of the networks that ship: convolutions with integer weights, and quantised activations between them.

Weights have at most seven bits, so that sums of pairs of products fit 16 bits on x86 processors without VNNI as well:
the file gives the same output on every processor.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_SHARES = np.linspace(0.3, 1.0, 15)
"""Candidates for the range, as shares of the largest value; the one with the least squared error is taken."""
POINTWISE_BITS, BITS, FLOAT_BITS = 4, 7, 8
"""A layer of `FLOAT_BITS` is stored in eight bits and computed in float."""


class Grid(nn.Module):
    """Activations quantised to 256 steps of a fixed range. Unsigned grids clip negative values to zero, as a ReLU does.

    Until `fix` is called nothing is quantised.
    """

    def __init__(self, signed: bool) -> None:
        super().__init__()
        self.signed = signed
        self.register_buffer("step", torch.zeros(()))

    def forward(self, values: Tensor) -> Tensor:
        if self.step > 0.0:
            return self._on_grid(values, float(self.step))
        return values if self.signed else functional.relu(values)

    def fix(self, values: Tensor) -> None:
        """Choose the range that quantises these sampled values with the least squared error."""
        top = float(values.abs().max())
        steps = [float(share) * top / (127 if self.signed else 255) for share in _SHARES]
        wanted = values if self.signed else functional.relu(values)
        errors = [float(((self._on_grid(values, step) - wanted) ** 2).mean()) for step in steps]
        self.step.fill_(steps[int(np.argmin(errors))])

    def _on_grid(self, values: Tensor, step: float) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(values, step, 128 if self.signed else 0, 0, 255)


class Convolution(nn.Module):
    """A convolution over one or two dimensions. Once fixed, its weights are integers of `bits` bits times one step for
    each output."""

    def __init__(self, layer: nn.Conv1d | nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d | None, bits: int) -> None:
        super().__init__()
        weight, bias = folded(layer, norm)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.bits = bits
        self.stride, self.padding, self.dilation = layer.stride, layer.padding, layer.dilation
        self.integers, self.step = np.zeros(0, np.int8), np.zeros(0, np.float32)

    @property
    def largest(self) -> int:
        """The largest integer; the smallest is one further from zero."""
        return int(2 ** (self.bits - 1) - 1)

    def fix(self, integers: NDArray[np.float64], step: NDArray[np.float64]) -> None:
        """Take integers (outputs, weights of an output) and steps (outputs,) for the weights."""
        self.integers = integers.astype(np.int8).reshape(self.weight.shape)
        self.step = step.astype(np.float32)
        self.weight.copy_(torch.from_numpy(integers * step[:, None]).view_as(self.weight))

    def forward(self, values: Tensor) -> Tensor:
        convolve = functional.conv2d if self.weight.dim() == 4 else functional.conv1d
        return convolve(values, self.weight, self.bias, self.stride, self.padding, self.dilation)


class Affine(nn.Module):
    """Batch normalisation by fixed statistics: a factor and a summand for every channel."""

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        super().__init__()
        scale, shift = affine(norm)
        self.scale, self.shift = nn.Parameter(scale), nn.Parameter(shift)
        self.register_buffer("mean", torch.zeros(len(scale)))
        self.register_buffer("variance", torch.ones(len(scale)))

    def forward(self, frames: Tensor) -> Tensor:
        # As one operator: a product and a sum would go over the widest maps of the network twice.
        return functional.batch_norm(frames, self.mean, self.variance, self.scale, self.shift, eps=0.0)


def folded(layer: nn.Conv1d | nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d | None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that is followed by batch normalisation."""
    weight = layer.weight.detach().clone()
    bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach().clone()
    if norm is None:
        return weight, bias
    scale, shift = affine(norm)
    return weight * scale.view(-1, *[1] * (weight.dim() - 1)), bias * scale + shift


def affine(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and summand for every channel."""
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * norm.weight.detach()
    shift = -norm.running_mean * scale
    if norm.affine:
        shift = shift + norm.bias.detach()
    return scale.detach(), shift.detach()
