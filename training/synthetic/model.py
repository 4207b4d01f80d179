"""The network: the first layers of a speaker encoder, statistics of their channels over time, and a judge.

The first convolutions of CAM++ respond to onsets, harmonics and formant movements. The correlations of their channels
over time describe how the speech was made, as the correlations of an image network's channels describe a texture
(Gatys, Ecker and Bethge 2015, arXiv 1505.07376). Correlations do not depend on level, on the line's colour or on each
channel's strength. Means and deviations of each channel, in four zones of the bands, are the second kind of feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.speaker.network import CHANNELS, ConvolutionHead
from training.speaker.student import Head
from training.synthetic.judge import Judge

LAYERS = 6
FRAMES = 398
ZONES = 4
"""Zones of equal width that the bands are divided into; each has its own means and deviations."""
PAIRS = CHANNELS * (CHANNELS - 1) // 2
CORRELATIONS, MOMENTS = LAYERS * PAIRS, LAYERS * 2 * CHANNELS * ZONES
SIZE = CORRELATIONS + MOMENTS


class Texture(nn.Module):
    """A spectrogram (batch, frames, bands) to features of six layers, (batch, 4512): correlations, then moments."""

    def __init__(self, head: ConvolutionHead, bands: int, frames: int) -> None:
        super().__init__()
        self.head = Head(head)
        with torch.no_grad():
            shapes = [maps.shape[2:] for maps in self.head(torch.zeros(1, bands, frames))]
        self.layers = nn.ModuleList(_Statistics(*shape) for shape in shapes)

    def forward(self, spectrum: Tensor) -> Tensor:
        maps = self.head(spectrum.transpose(1, 2))
        told = [statistics(layer) for statistics, layer in zip(self.layers, maps, strict=True)]
        correlations, moments = zip(*told, strict=True)
        return torch.cat([*correlations, *moments], dim=1)


class _Statistics(nn.Module):
    """A layer's maps (batch, 32, bands, frames) to 496 correlations, and 256 means and deviations of zones.

    All are computed from the channels' means and covariances within each band. Both are sums over frames of quantised
    values, so they are computed as integer matrix products, and the maps are never converted to float.
    """

    def __init__(self, bands: int, frames: int) -> None:
        super().__init__()
        self.bands, self.frames = bands, frames
        self.register_buffer("each", torch.ones(1, frames))
        edges = [bands * zone // ZONES for zone in range(ZONES + 1)]
        zones = torch.zeros(ZONES, bands)
        for zone, (low, high) in enumerate(pairwise(edges)):
            zones[zone, low:high] = 1.0 / (high - low)
        # Shares of each band in the mean of a zone, and of all bands.
        self.register_buffer("zones", zones / frames)
        self.register_buffer("parts", torch.cat([zones / frames, torch.ones(1, bands)]))
        one, other = torch.triu_indices(CHANNELS, CHANNELS, 1)
        self.register_buffer("pairs", one * CHANNELS + other)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        rows = maps.permute(0, 2, 3, 1)
        each = torch.fake_quantize_per_tensor_affine(self.each, 1.0, 0, 0, 255)
        sums = each @ rows
        scatter = rows.transpose(2, 3) @ rows - sums.transpose(2, 3) * (sums / self.frames)
        parts = self.parts @ scatter.reshape(-1, self.bands, CHANNELS * CHANNELS)
        whole = parts[:, ZONES]
        deviations = (whole[:, :: CHANNELS + 1] + 1e-3).sqrt()
        correlations = whole.reshape(-1, CHANNELS, CHANNELS) / (deviations.unsqueeze(1) * deviations.unsqueeze(2))
        powers = parts[:, :ZONES, :: CHANNELS + 1]
        moments = torch.cat([self.zones @ sums.squeeze(2), (powers + 1e-6).sqrt()], dim=2)
        return correlations.reshape(-1, CHANNELS * CHANNELS).index_select(1, self.pairs), moments.flatten(1)


class Detector(nn.Module):
    """Spectra side by side, (batch, 398, sum of `bands`), to the log-odds of synthetic speech at even prior, (batch,).

    The same convolutions process each spectrum: Kaldi's bands, on which they were trained, and finer ones, which show
    them the signal at another scale. `steps`: the stride over the frames of each spectrum. Windows of 64 ms overlap so
    much that every other frame is nearly as good.
    """

    def __init__(self, head: ConvolutionHead, bands: Sequence[int], steps: Sequence[int], units: int) -> None:
        super().__init__()
        self.bands, self.steps = list(bands), list(steps)
        self.textures = nn.ModuleList(
            Texture(head, count, -(-FRAMES // step)) for count, step in zip(bands, steps, strict=True)
        )
        self.judge = Judge(SIZE * len(self.bands), units)

    def numbers(self, spectra: Tensor) -> Tensor:
        """The judge's input, (batch, 4512 for each spectrum)."""
        parts = zip(self.textures, spectra.split(self.bands, dim=2), self.steps, strict=True)
        return torch.cat([texture(part[:, ::step]) for texture, part, step in parts], dim=1)

    def forward(self, spectra: Tensor) -> Tensor:
        score: Tensor = self.judge(self.numbers(spectra))
        return score.squeeze(1)
