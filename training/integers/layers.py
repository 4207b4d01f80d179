"""What networks that ship are made of: convolutions with integers for weights, activations on a grid between them.

Weights that meet a grid have seven bits or fewer, so that sums of pairs fit 16 bits on x86 processors without VNNI too:
the same file then gives the same numbers everywhere.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_SHARES = np.linspace(0.3, 1.0, 15)
"""Of the largest value, what the grid may reach: the share with the least squared error is taken."""
POINTWISE_BITS, BITS, FLOAT_BITS = 4, 7, 8
"""`FLOAT_BITS`: kept so, and reckoned with in float."""


class Grid(nn.Module):
    """Activations on 256 steps of a fixed range; without a sign what is negative becomes zero, as by a ReLU.

    Before `fix` has been called, the range is endless.
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
        """The range whose steps change these values, drawn from what is heard, least."""
        top = float(values.abs().max())
        steps = [float(share) * top / (127 if self.signed else 255) for share in _SHARES]
        wanted = values if self.signed else functional.relu(values)
        errors = [float(((self._on_grid(values, step) - wanted) ** 2).mean()) for step in steps]
        self.step.fill_(steps[int(np.argmin(errors))])

    def _on_grid(self, values: Tensor, step: float) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(values, step, 128 if self.signed else 0, 0, 255)


class Convolution(nn.Module):
    """A convolution over one or two dimensions; once fixed, its weights are integers of so many bits times a step for
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
