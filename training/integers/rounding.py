"""Quantise a network without training, layer after layer in the order of the signal.

The input of a layer comes from the quantised layers before it. Its target is the output of the original layer for the
original input. Least squares adjust the weights to that target before they are rounded.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.integers.gptq import integers_for
from training.integers.layers import Convolution, Grid

_PLACES = 30_000
"""Positions that are sampled from a layer's input and output, over all windows and frames."""
_DAMP = 0.01
"""Ridge, as a share of the inputs' mean variance: directions that the windows hardly show are not relied on."""
_TOO_FEW = 16
"""Positions for each weight of an output, below which least squares would overfit the windows."""


@torch.no_grad()
def round_layers(network: nn.Module, given: Tensor, seed: int) -> None:
    """Quantise a network's activations and weights in place, on the windows `given` (windows, ...).

    Every window passes twice: the first half of the batch through the original layers, the second half through the
    quantised ones.
    """
    random = np.random.default_rng(seed)
    hooks = [
        module.register_forward_hook(lambda layer, given, output: _split(layer, given[0], output, random))
        for module in network.modules()
        if isinstance(module, Grid | Convolution)
    ]
    network(torch.cat([given, given]))
    for hook in hooks:
        hook.remove()


def _split(layer: nn.Module, given: Tensor, output: Tensor, random: np.random.Generator) -> Tensor:
    """A layer's output with the second half replaced by the output of the quantised layer."""
    whole, rounded = given.chunk(2)
    if isinstance(layer, Grid):
        layer.fix(rounded.flatten()[torch.from_numpy(random.integers(rounded.numel(), size=_PLACES))])
    elif isinstance(layer, Convolution):
        _round(layer, *_columns(layer, whole, rounded, random))
    return torch.cat([output.chunk(2)[0], layer.forward(rounded)])


def _round(layer: Convolution, whole: NDArray[np.float32], given: NDArray[np.float32]) -> None:
    """By what reaches the layer, as it was and as it is: (weights of an output, places)."""
    weight = layer.weight.flatten(1).numpy().astype(np.float64)
    mean_whole, mean_given = whole.mean(1, keepdims=True), given.mean(1, keepdims=True)
    whole, given = whole - mean_whole, given - mean_given
    places = given.shape[1]
    spread = (given @ given.T / places).astype(np.float64)
    spread[np.diag_indices_from(spread)] += _DAMP * np.trace(spread) / len(spread) + 1e-9
    wanted = weight
    if places > _TOO_FEW * len(spread):
        wanted = weight + weight @ ((whole - given) @ given.T / places) @ np.linalg.inv(spread)
    integers, step = integers_for(wanted, spread, layer.largest)
    rounded = integers * step[:, None]
    layer.fix(integers, step)
    layer.bias += torch.from_numpy((weight @ mean_whole - rounded @ mean_given)[:, 0])


def _columns(
    layer: Convolution, whole: Tensor, rounded: Tensor, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each output is a sum of, at places drawn alike for both: (weights of an output, places)."""
    # The wide maps of the first layers have far more places than are needed.
    apart = max(1, whole[:, 0].numel() // (8 * _PLACES))
    flat = layer.weight.dim() == 3
    kernel, stride, padding, dilation = (
        (first, *size) if flat else size
        for first, size in ((1, layer.weight.shape[2:]), (1, layer.stride), (0, layer.padding), (1, layer.dilation))
    )
    seed = int(random.integers(2**31))
    halves = []
    for values in (whole[::apart], rounded[::apart]):
        drawn, columns = np.random.default_rng(seed), []
        for part in (values.unsqueeze(2) if flat else values).split(16):
            wide = functional.unfold(part, kernel, dilation, padding, stride).transpose(0, 1).flatten(1)
            share = min(wide.shape[1], _PLACES * len(part) // len(values) + 1)
            columns.append(wide[:, drawn.choice(wide.shape[1], share, replace=False)])
        halves.append(torch.cat(columns, dim=1).numpy())
    return halves[0], halves[1]
