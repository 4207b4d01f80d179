"""The network: what a speaker encoder's first layers do in a window, how they go together, and a linear judge of that.

To tell people apart on any line, CAM++ has learned in its first convolutions what speech is made of: onsets, harmonics,
formant movements at every pitch. Which of these go together in time says how the speech was made, as the correlations
of a network's channels say what a picture's texture is (Gatys, Ecker and Bethge 2015, arXiv 1505.07376). They do not
hang on level, on colour or on how much there is of each; that, quarter by quarter of the bands, is said beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.speaker.network import CHANNELS, ConvolutionHead

LAYERS = 6
ZONES = 4
"""Parts of the bands, of even width, whose means and deviations are told apart."""
PAIRS = CHANNELS * (CHANNELS - 1) // 2
CORRELATIONS, MOMENTS = LAYERS * PAIRS, LAYERS * 2 * CHANNELS * ZONES
SIZE = CORRELATIONS + MOMENTS


class Texture(nn.Module):
    """A spectrogram (batch, frames, bands) to numbers of six layers, (batch, 4512): correlations, then moments."""

    def __init__(self, head: ConvolutionHead) -> None:
        super().__init__()
        self.head = head
        one, other = torch.triu_indices(CHANNELS, CHANNELS, 1)
        self.register_buffer("pairs", one * CHANNELS + other)

    def forward(self, spectrum: Tensor) -> Tensor:
        head = self.head
        maps = functional.relu(head.bn1(head.conv1(spectrum.transpose(1, 2).unsqueeze(1))))
        told = [self._numbers(maps)]
        for block in (*head.layer1, *head.layer2):
            maps = block(maps)
            told.append(self._numbers(maps))
        told.append(self._numbers(functional.relu(head.bn2(head.conv2(maps)))))
        return torch.cat([*(pairs for pairs, _ in told), *(moments for _, moments in told)], dim=1)

    def _numbers(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Of a layer's maps (batch, 32, bands, frames): 496 correlations, and 256 means and deviations.

        Over time and bands, each band's mean over time removed. From sums of products and of squares and from the
        means, so that the maps, megabytes each, are read three times and written never.
        """
        rows, frames, means = maps.flatten(2), maps.shape[3], maps.mean(3)
        products = rows @ rows.transpose(1, 2) - frames * (means @ means.transpose(1, 2))
        deviations = (products.flatten(1)[:, :: CHANNELS + 1] + 1e-3).sqrt()
        correlations = products / deviations.unsqueeze(1) / deviations.unsqueeze(2)
        powers = torch.linalg.vector_norm(maps, dim=3).square() / frames - means.square()
        moments = []
        for low, high in pairwise(maps.shape[2] * zone // ZONES for zone in range(ZONES + 1)):
            moments += [means[:, :, low:high].mean(2), (powers[:, :, low:high].mean(2) + 1e-6).sqrt()]
        return correlations.flatten(1).index_select(1, self.pairs), torch.cat(moments, dim=1)


class Detector(nn.Module):
    """Spectra side by side, (batch, 398, sum of `bands`), to the log-odds of synthetic speech at even prior, (batch,).

    The same convolutions look at each spectrum: at Kaldi's bands, which they were trained on, and at finer ones, where
    they find what they know at another scale. `steps`: at every how many frames of each spectrum; windows of 64 ms
    overlap so much that every other one says nearly as much.
    """

    def __init__(self, head: ConvolutionHead, bands: Sequence[int], steps: Sequence[int]) -> None:
        super().__init__()
        self.texture = Texture(head)
        self.bands, self.steps = list(bands), list(steps)
        self.judge = nn.Linear(SIZE * len(self.bands), 1)

    def numbers(self, spectra: Tensor) -> Tensor:
        """What the judge sees, (batch, 4512 a spectrum)."""
        parts = zip(spectra.split(self.bands, dim=2), self.steps, strict=True)
        return torch.cat([self.texture(part[:, ::step]) for part, step in parts], dim=1)

    def forward(self, spectra: Tensor) -> Tensor:
        score: Tensor = self.judge(self.numbers(spectra))
        return score.squeeze(1)


def is_correlation(spectra: int) -> NDArray[np.bool_]:
    """Which of the numbers of so many spectra are correlations, the others being moments."""
    return np.tile(np.arange(SIZE) < CORRELATIONS, spectra)
