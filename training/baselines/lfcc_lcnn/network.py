"""A light CNN of max-feature-map layers, with the widths of Lavrentyeva et al. 2019, and average pooling over time.

Pooling where they had a dense layer of fixed size follows Wang and Yamagishi 2021, whose recurrent layers before it are
left out for speed. 158 k parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.detection.lfcc import BANDS

_POOLINGS = 4


class Lcnn(nn.Module):
    """LFCC frames (batch, frames, 60), at least 16 frames, to one raw score per window; higher is synthetic."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            MaxFeatureMap(1, 32, 5),
            nn.MaxPool2d(2),
            MaxFeatureMap(32, 32, 1),
            nn.BatchNorm2d(32),
            MaxFeatureMap(32, 48, 3),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(48),
            MaxFeatureMap(48, 48, 1),
            nn.BatchNorm2d(48),
            MaxFeatureMap(48, 64, 3),
            nn.MaxPool2d(2),
            MaxFeatureMap(64, 64, 1),
            nn.BatchNorm2d(64),
            MaxFeatureMap(64, 32, 3),
            nn.BatchNorm2d(32),
            MaxFeatureMap(32, 32, 1),
            nn.BatchNorm2d(32),
            MaxFeatureMap(32, 32, 3),
            nn.MaxPool2d(2),
        )
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(32 * (BANDS >> _POOLINGS), 1)

    def forward(self, lfcc: Tensor) -> Tensor:
        """Raw scores (batch,)."""
        pooled = self.maps(lfcc.unsqueeze(1)).mean(2).flatten(1)
        scores: Tensor = self.score(self.dropout(pooled))
        return scores.squeeze(1)


class MaxFeatureMap(nn.Module):
    """A convolution of twice the maps wanted, of each pair of which the larger value goes on."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, 2 * outputs, size, padding=size // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (batch, inputs, frames, bands) to (batch, outputs, frames, bands)."""
        doubled: Tensor = self.convolution(maps)
        one, other = doubled.chunk(2, dim=1)
        return torch.maximum(one, other)
