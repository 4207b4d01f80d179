"""CAM++ as it ships: batch normalisation folded into the convolutions, weights and activations quantised.

Weights have seven bits, activations eight. The first convolution and the context masks, which are small, are computed
in float.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.integers.layers import BITS, FLOAT_BITS, Affine, Convolution, Grid, folded
from training.speaker.network import BLOCKS, CHANNELS, CamPlusPlus, ConvolutionHead, mean_and_deviation, segments


class Head(nn.Module):
    """Spectra (batch, bands, frames) to the maps of six layers: (batch, 32, bands of the layer, frames)."""

    def __init__(self, head: ConvolutionHead) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, CHANNELS, 3, padding=1)
        weight, bias = folded(head.conv1, head.bn1)
        self.first.weight, self.first.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.first_grid = Grid(signed=False)
        self.residuals = nn.ModuleList(_Residual(one) for stage in (head.layer1, head.layer2) for one in stage)
        self.last, self.last_grid = Convolution(head.conv2, head.bn2, BITS), Grid(signed=False)

    def forward(self, spectrum: Tensor) -> list[Tensor]:
        maps = [self.first_grid(self.first(spectrum.unsqueeze(1)))]
        for residual in self.residuals:
            maps.append(residual(maps[-1]))
        return [*maps, self.last_grid(self.last(maps[-1]))]


class Student(nn.Module):
    """Log-mel frames (batch, frames, 80) to embeddings (batch, 192); nothing is rounded yet."""

    def __init__(self, network: CamPlusPlus) -> None:
        super().__init__()
        layers = network.xvector
        self.head = Head(network.head)
        self.tdnn = Convolution(layers.tdnn.linear, layers.tdnn.nonlinear.batchnorm, BITS)
        self.tdnn_grid = Grid(signed=False)
        self.blocks = nn.ModuleList(
            nn.ModuleList(_DenseLayer(one) for one in layers.get_submodule(f"block{number}").children())
            for number in range(1, len(BLOCKS) + 1)
        )
        transits = [layers.get_submodule(f"transit{number}") for number in range(1, len(BLOCKS) + 1)]
        self.norms = nn.ModuleList(Affine(one.nonlinear.batchnorm) for one in transits)
        self.norm_grids = nn.ModuleList(Grid(signed=False) for _ in transits)
        self.transits = nn.ModuleList(Convolution(one.linear, None, BITS) for one in transits)
        self.transit_grids = nn.ModuleList(Grid(signed=True) for _ in transits)
        self.out = Affine(layers.out_nonlinear.batchnorm)
        self.statistics = Grid(signed=False)
        self.dense = Convolution(layers.dense.linear, layers.dense.nonlinear.batchnorm, BITS)

    def forward(self, log_mel: Tensor) -> Tensor:
        *_, maps = self.head(log_mel.transpose(1, 2))
        frames = self.tdnn_grid(self.tdnn(maps.flatten(1, 2)))
        pool, spread = segments(frames)
        for block, norm, norm_grid, transit, grid in zip(
            self.blocks, self.norms, self.norm_grids, self.transits, self.transit_grids, strict=True
        ):
            for layer in block:
                frames = torch.cat([frames, layer(frames, pool, spread)], dim=1)
            frames = grid(transit(norm_grid(norm(frames))))
        statistics = mean_and_deviation(functional.relu(self.out(frames)))
        return self.dense(self.statistics(statistics)).flatten(1)


class _Residual(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.first, self.first_grid = Convolution(block.conv1, block.bn1, BITS), Grid(signed=False)
        self.second, self.second_grid = Convolution(block.conv2, block.bn2, BITS), Grid(signed=True)
        self.shortcut = Convolution(*block.shortcut, BITS) if len(block.shortcut) else None
        self.shortcut_grid = Grid(signed=True) if self.shortcut else None
        self.sum_grid = Grid(signed=False)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.second_grid(self.second(self.first_grid(self.first(maps))))
        if self.shortcut is not None and self.shortcut_grid is not None:
            maps = self.shortcut_grid(self.shortcut(maps))
        return torch.as_tensor(self.sum_grid(inner + maps))


class _DenseLayer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        mask = layer.cam_layer
        self.norm, self.norm_grid = Affine(layer.nonlinear1.batchnorm), Grid(signed=False)
        self.narrow = Convolution(layer.linear1, layer.nonlinear2.batchnorm, BITS)
        self.narrow_grid = Grid(signed=False)
        self.local, self.local_grid = Convolution(mask.linear_local, None, BITS), Grid(signed=True)
        self.mask1 = Convolution(mask.linear1, None, FLOAT_BITS)
        self.mask2 = Convolution(mask.linear2, None, FLOAT_BITS)

    def forward(self, frames: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        narrow = self.narrow_grid(self.narrow(self.norm_grid(self.norm(frames))))
        mask = torch.sigmoid(self.mask2(functional.relu(self.mask1(narrow @ pool))))
        return torch.as_tensor(self.local_grid(self.local(narrow)) * (mask @ spread))
