"""The network: Whisper's first layers as they are, pooled over time, and a small head that judges what they say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from voiceguard.detectors.features import MEL_BANDS

WHISPER_WIDTH = 384
WHISPER_HEADS = 6
_FRAMES = 200


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
    """Convolution stem and first layers of Whisper; mean and deviation over time of the stem and of each layer."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MEL_BANDS, WHISPER_WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WHISPER_WIDTH, WHISPER_WIDTH, 3, stride=2, padding=1)
        self.position = nn.Parameter(torch.zeros(_FRAMES, WHISPER_WIDTH))
        self.layers = nn.ModuleList(WhisperLayer() for _ in range(layers))

    @property
    def embedding_size(self) -> int:
        """Length of one embedding."""
        return 2 * (len(self.layers) + 1) * WHISPER_WIDTH

    def forward(self, log_mel: Tensor) -> Tensor:
        """Log-mel frames (batch, 400, 80) to embeddings (batch, embedding_size)."""
        x = functional.gelu(self.conv1(log_mel.transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2) + self.position
        pooled = [_statistics(x)]
        for layer in self.layers:
            x = layer(x)
            pooled.append(_statistics(x))
        return torch.cat(pooled, dim=1)


class Detector(nn.Module):
    """Log-mel frames (batch, 400, 80) to one raw score per window, the log-odds of synthetic speech at even prior."""

    def __init__(self, layers: int, hidden: int) -> None:
        super().__init__()
        self.whisper = WhisperFrontLayers(layers)
        self.head = nn.Sequential(nn.Linear(self.whisper.embedding_size, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, log_mel: Tensor) -> Tensor:
        """Raw scores (batch,)."""
        scores: Tensor = self.head(self.whisper(log_mel))
        return scores.squeeze(1)


def _statistics(frames: Tensor) -> Tensor:
    mean = frames.mean(1)
    variance = (frames - mean.unsqueeze(1)).square().mean(1)
    return torch.cat([mean, (variance + 1e-8).sqrt()], dim=1)
