"""The network: early Whisper layers and a small residual CNN, each with its own pooling and its own opinion."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from voiceguard.detectors.features import LINEAR_BINS, MEL_BANDS

WHISPER_WIDTH = 384
WHISPER_HEADS = 6


class AttentiveStatistics(nn.Module):
    """Attentive statistics pooling (Okabe et al. 2018): (batch, channels, time) to (batch, 2 * channels)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Conv1d(channels, hidden, 1), nn.Tanh(), nn.Conv1d(hidden, channels, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Weighted mean and deviation over time."""
        weight = torch.softmax(self.attention(frames), dim=-1)
        mean = (weight * frames).sum(-1)
        variance = (weight * frames.square()).sum(-1) - mean.square()
        return torch.cat([mean, variance.clamp_min(1e-5).sqrt()], dim=1)


class WhisperLayer(nn.Module):
    """One pre-norm transformer layer with Whisper's parameter shapes; query, key and value in one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WHISPER_WIDTH)
        self.qkv = nn.Linear(WHISPER_WIDTH, 3 * WHISPER_WIDTH)
        self.out = nn.Linear(WHISPER_WIDTH, WHISPER_WIDTH)
        self.mlp_norm = nn.LayerNorm(WHISPER_WIDTH)
        self.mlp_in = nn.Linear(WHISPER_WIDTH, 4 * WHISPER_WIDTH)
        self.mlp_out = nn.Linear(4 * WHISPER_WIDTH, WHISPER_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, width) to the same shape."""
        batch, time, width = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, time, 3, WHISPER_HEADS, width // WHISPER_HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        update: Tensor = self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + update


class WhisperBranch(nn.Module):
    """Convolution stem and first layers of Whisper, weighted layer sum, attentive statistics pooling."""

    def __init__(self, layers: int, projection: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MEL_BANDS, WHISPER_WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WHISPER_WIDTH, WHISPER_WIDTH, 3, stride=2, padding=1)
        self.position = nn.Parameter(torch.zeros(200, WHISPER_WIDTH))
        self.layers = nn.ModuleList(WhisperLayer() for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(WHISPER_WIDTH) for _ in range(layers + 1))
        self.layer_weight = nn.Parameter(torch.zeros(layers + 1))
        self.project = nn.Sequential(nn.Linear(WHISPER_WIDTH, projection), nn.ReLU(), nn.Dropout(dropout))
        self.pool = AttentiveStatistics(projection, 64)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel frames (batch, time, 80) to one embedding each."""
        x = functional.gelu(self.conv1(mel.transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.position[: x.shape[1]]
        weight = torch.softmax(self.layer_weight, 0)
        total = weight[0] * self.norms[0](x)
        for index, layer in enumerate(self.layers, start=1):
            x = layer(x)
            total = total + weight[index] * self.norms[index](x)
        embedding: Tensor = self.pool(self.project(total).transpose(1, 2))
        return embedding


class SqueezeExcitation(nn.Module):
    """Channel gates from the channel means (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // 4), nn.ReLU(), nn.Linear(channels // 4, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time, bins) to the same shape."""
        gates: Tensor = self.gate(x.mean((2, 3)))
        return x * gates[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with squeeze-excitation round a shortcut; halves time and frequency at its entrance."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcitation(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, time, bins) to (batch, outputs, time / 2, bins / 2)."""
        x = self.down(x)
        return functional.relu(x + self.body(x))


class SpectrumBranch(nn.Module):
    """Residual CNN over the linear log spectrum, each bin freed of its mean (the line's own colour): (b, t, 101) in."""

    def __init__(self, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        widths = (1, *channels)
        self.blocks = nn.Sequential(*(ResidualBlock(a, b) for a, b in pairwise(widths)))
        bins = LINEAR_BINS
        for _ in channels:
            bins = (bins + 1) // 2
        self.project = nn.Sequential(nn.Conv1d(channels[-1] * bins, 96, 1), nn.ReLU(), nn.Dropout(dropout))
        self.pool = AttentiveStatistics(96, 32)

    def forward(self, linear: Tensor) -> Tensor:
        """Log-power frames (batch, time, 101) to one embedding each."""
        x = self.blocks((linear - linear.mean(1, keepdim=True)).unsqueeze(1) * 2.0)
        batch, channels, time, bins = x.shape
        embedding: Tensor = self.pool(self.project(x.permute(0, 1, 3, 2).reshape(batch, channels * bins, time)))
        return embedding


class Detector(nn.Module):
    """Spectra (batch, frames, 181) to a raw score per window, higher is synthetic; training also reads the branches."""

    def __init__(self, layers: int, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.whisper = WhisperBranch(layers, 128, dropout)
        self.spectrum = SpectrumBranch(channels, dropout)
        self.whisper_score = nn.Linear(256, 1)
        self.spectrum_score = nn.Linear(192, 1)

    def branch_scores(self, spectra: Tensor) -> Tensor:
        """Scores of the Whisper branch and of the CNN: (batch, 2)."""
        whisper = self.whisper_score(self.whisper(spectra[:, :, :MEL_BANDS]))
        spectrum = self.spectrum_score(self.spectrum(spectra[:, :, MEL_BANDS:]))
        return torch.cat([whisper, spectrum], dim=1)

    def forward(self, spectra: Tensor) -> Tensor:
        """Raw scores (batch,)."""
        return self.branch_scores(spectra).sum(1)
