"""The network: the early layers of Whisper, all of them heard, pooled over time into one score."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from voiceguard.detectors.features import MEL_BANDS

WHISPER_WIDTH = 384
WHISPER_HEADS = 6
_PROJECTION = 128


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


class WhisperFrontLayers(nn.Module):
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


class Detector(nn.Module):
    """Log-mel frames (batch, frames, 80) to one raw score per window, higher is synthetic."""

    def __init__(self, layers: int, dropout: float) -> None:
        super().__init__()
        self.whisper = WhisperFrontLayers(layers, _PROJECTION, dropout)
        self.score = nn.Linear(2 * _PROJECTION, 1)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Raw scores (batch,)."""
        scores: Tensor = self.score(self.whisper(log_mel))
        return scores.squeeze(1)
