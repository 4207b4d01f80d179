"""The synthetic-voice networks as int8 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training import quantised
from training.synthetic.dataset import read_clips, read_noises, window
from training.synthetic.settings import Settings
from voiceguard.detectors import synthetic

FRAMES = 398
_BATCHES = 6


def write(network: nn.Module, bands: int, output: str, path: Path, settings: Settings) -> None:
    """Write `network`, which takes spectra (batch, 398, bands); correlations and judge stay in float."""
    example = torch.zeros(2, FRAMES, bands)
    quantised.write(network, example, ("spectra", output), {0: "batch"}, training_windows(settings), path)


def training_windows(settings: Settings) -> list[NDArray[np.float32]]:
    """Batches of 16 windows of clips drawn by weight, half of them through plain mu-law."""
    clips, noises = read_clips(settings.work), read_noises(settings.work)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(len(clips.spoof), (_BATCHES, 16), p=clips.weights(settings.config["train"]["attack_share"]))
    return [
        synthetic.prepare(
            [window(clips.audio(int(row)), ("pcmu", "line")[int(row) % 2], noises, rng) for row in rows],
            settings.config["spectra"],
        )
        for rows in chosen
    ]
