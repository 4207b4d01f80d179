"""The network: how the channels of a speaker encoder's first layers move together, and a linear judge of that.

To tell people apart on any line, CAM++ has learned in its first convolutions what speech is made of: onsets, harmonics,
formant movements at every pitch. Which of these go together in time says how the speech was made, as the correlations
of a network's channels say what a picture's texture is (Gatys, Ecker and Bethge 2015, arXiv 1505.07376). They do not
hang on level, on colour or on how much there is of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.speaker.network import CHANNELS, ConvolutionHead

LAYERS = 6
PAIRS = CHANNELS * (CHANNELS - 1) // 2
SIZE = LAYERS * PAIRS


class Texture(nn.Module):
    """A spectrogram (batch, frames, bands) to channel correlations of six layers, (batch, 2976) in [-1, 1]."""

    def __init__(self, head: ConvolutionHead) -> None:
        super().__init__()
        self.head = head
        one, other = torch.triu_indices(CHANNELS, CHANNELS, 1)
        self.register_buffer("pairs", one * CHANNELS + other)

    def forward(self, spectrum: Tensor) -> Tensor:
        head = self.head
        maps = functional.relu(head.bn1(head.conv1(spectrum.transpose(1, 2).unsqueeze(1))))
        layers = [maps]
        for block in (*head.layer1, *head.layer2):
            maps = block(maps)
            layers.append(maps)
        layers.append(functional.relu(head.bn2(head.conv2(maps))))
        return torch.cat([self._correlations(layer) for layer in layers], dim=1)

    def _correlations(self, maps: Tensor) -> Tensor:
        """Over time and bands, each band's mean over time removed: (batch, 32, bands, frames) to (batch, 496).

        From the sums of products and the means, so that the maps, megabytes each, are read twice and written never.
        """
        rows, means = maps.flatten(2), maps.mean(3)
        products = rows @ rows.transpose(1, 2) - maps.shape[3] * (means @ means.transpose(1, 2))
        deviations = (products.flatten(1)[:, :: CHANNELS + 1] + 1e-3).sqrt()
        correlations = products / deviations.unsqueeze(1) / deviations.unsqueeze(2)
        return correlations.flatten(1).index_select(1, self.pairs)


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

    def forward(self, spectra: Tensor) -> Tensor:
        parts = zip(spectra.split(self.bands, dim=2), self.steps, strict=True)
        score: Tensor = self.judge(torch.cat([self.texture(part[:, ::step]) for part, step in parts], dim=1))
        return score.squeeze(1)
