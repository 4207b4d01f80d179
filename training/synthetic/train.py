"""Step 2: fine-tune the network, validate on held-out sources, keep checkpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from training.synthetic.dataset import evaluation_window, read_clips, read_noises, training_batch
from training.synthetic.model import Detector
from training.synthetic.settings import Settings, read_settings
from training.synthetic.whisper_weights import load_encoder, read_ctranslate2
from voiceguard.analysis.metrics import eer
from voiceguard.detectors.synthetic import prepare


def main() -> None:
    """Train to ``train.steps``, from the last checkpoint where there is one."""
    settings = read_settings("train")
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    plan = settings.config["train"]
    model = new_detector(settings.config)
    variables = read_ctranslate2(Path(settings.config["whisper"]["file"]), settings.config["whisper"]["sha256"])
    load_encoder(model.whisper, variables)
    averaged = torch.optim.swa_utils.AveragedModel(
        model,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(plan["average_decay"]),  # type: ignore[no-untyped-call]
        use_buffers=True,
    )
    optimiser = _optimiser(model, plan)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, plan))
    checkpoint = settings.work / "checkpoint.pt"
    done = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        for part, name in ((model, "model"), (averaged, "averaged"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(state[name])
        done = int(state["step"])
    clips = read_clips(settings.work, set(plan.get("splits", ["train"])))
    noises = read_noises(settings.work)
    windows, labels = validation_windows(settings, noises)
    pages = read_clips(settings.work, {"validation"}).page
    weights = clips.sampling_weights()
    loss_sum = 0.0
    for step in range(done, plan["steps"]):
        # A generator of its own per step makes a resumed run the same run.
        rng = np.random.default_rng([settings.seed, step])
        log_mel, targets = training_batch(clips, weights, noises, plan["batch"], rng)
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(torch.from_numpy(log_mel)).float()
        smooth = torch.from_numpy(targets) * (1 - plan["label_smoothing"]) + plan["label_smoothing"] / 2
        loss = functional.binary_cross_entropy_with_logits(scores, smooth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(model)
        loss_sum += loss.item()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} loss {loss_sum / 50:.3f}", flush=True)
            loss_sum = 0.0
        if (step + 1) % plan["checkpoint_steps"] == 0 or step + 1 == plan["steps"]:
            torch.save(
                {
                    "model": model.state_dict(),
                    "averaged": averaged.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "step": step + 1,
                },
                checkpoint,
            )
            torch.save(averaged.module.state_dict(), settings.work / "detector.pt")
            _report(settings.work, step + 1, raw_scores(averaged.module, windows), labels, pages)


def new_detector(config: dict[str, Any]) -> Detector:
    """The untrained network that a config describes."""
    return Detector(config["whisper"]["layers"], config["model"]["dropout"])


def validation_windows(
    settings: Settings, noises: list[NDArray[np.float32]]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Windows of up to 4 s from the held-out sources, mu-law first and then a random line, with their labels."""
    clips = read_clips(settings.work, {"validation"})
    windows = []
    for lined in (False, True):
        for index in range(len(clips.spoof)):
            rng = np.random.default_rng([settings.seed, index]) if lined else None
            windows.append(evaluation_window(clips.audio(index), noises, 4.0, rng))
    return windows, np.tile(clips.spoof, 2)


def raw_scores(model: torch.nn.Module, windows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Raw scores of windows of net speech, (windows,)."""
    model.eval()
    with torch.inference_mode():
        batches = [model(torch.from_numpy(prepare(windows[i : i + 32]))) for i in range(0, len(windows), 32)]
    return torch.cat(batches).float().numpy()


def _optimiser(model: Detector, plan: dict[str, Any]) -> torch.optim.Optimizer:
    pretrained = [p for n, p in model.whisper.named_parameters() if n.startswith(("conv", "position", "layers"))]
    known = {id(p) for p in pretrained}
    fresh = [p for p in model.parameters() if id(p) not in known]
    groups = [{"params": pretrained, "lr": plan["rate_whisper"]}, {"params": fresh, "lr": plan["rate_new"]}]
    return torch.optim.AdamW(groups, weight_decay=plan["weight_decay"])


def _rate(step: int, plan: dict[str, Any]) -> float:
    warm = min(1.0, (step + 1) / plan["warmup_steps"])
    return float(warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / plan["steps"])))))


def _report(
    work: Path, step: int, scores: NDArray[np.float32], labels: NDArray[np.float32], page: NDArray[np.str_]
) -> None:
    """Print and keep equal error rates: pooled, and the mean within pages that hold both classes."""
    half = len(labels) // 2
    figures: dict[str, float] = {"step": step}
    for line, part in (("pcmu", slice(0, half)), ("lines", slice(half, None))):
        score, label = scores[part], labels[part]
        both = [p for p in sorted(set(page)) if min((label[page == p] == k).sum() for k in (0, 1)) >= 5]
        within = [_eer(score[page == p], label[page == p]) for p in both]
        figures[line] = round(_eer(score, label), 4)
        figures[f"{line}_within_pages"] = round(float(np.mean(within)), 4)
    print(json.dumps(figures), flush=True)
    with (work / "validation.jsonl").open("a") as file:
        file.write(json.dumps(figures) + "\n")


def _eer(scores: NDArray[np.float32], labels: NDArray[np.float32]) -> float:
    return eer(scores[labels == 1], scores[labels == 0])


if __name__ == "__main__":
    main()
