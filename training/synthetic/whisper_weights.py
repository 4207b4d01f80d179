"""Read Whisper's encoder weights out of a CTranslate2 model file (format version 6, float16)."""

from __future__ import annotations

import hashlib
import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from training.synthetic.model import WhisperFrontLayers

# Order of CTranslate2's DataType enumeration.
_DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)


def read_ctranslate2(path: Path, sha256: str) -> dict[str, NDArray[np.generic]]:
    """Name to array for every variable of the file.

    Raises ValueError when the file is not the pinned one or not of format version 6.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} is not the pinned file")
    stream = BytesIO(content)
    if _number(stream, "<I") != 6:
        raise ValueError(f"{path} is not CTranslate2 format version 6")
    _text(stream)
    _number(stream, "<I")
    return dict(_variable(stream) for _ in range(_number(stream, "<I")))


def load_encoder(encoder_part: WhisperFrontLayers, variables: dict[str, NDArray[np.generic]]) -> None:
    """Copy convolution stem, positions and the first layers into ``encoder_part``."""

    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(variables[f"encoder/{name}"].astype(np.float32))

    state = encoder_part.state_dict()
    for conv in ("conv1", "conv2"):
        state[f"{conv}.weight"], state[f"{conv}.bias"] = tensor(f"{conv}/weight"), tensor(f"{conv}/bias")
    state["position"] = tensor("position_encodings/encodings")[: len(state["position"])]
    names = {
        "qkv": "self_attention/linear_0",
        "out": "self_attention/linear_1",
        "mlp_in": "ffn/linear_0",
        "mlp_out": "ffn/linear_1",
    }
    for index in range(len(encoder_part.layers)):
        for ours, theirs in names.items():
            for part in ("weight", "bias"):
                state[f"layers.{index}.{ours}.{part}"] = tensor(f"layer_{index}/{theirs}/{part}")
        for ours, theirs in (("attention_norm", "self_attention"), ("mlp_norm", "ffn")):
            state[f"layers.{index}.{ours}.weight"] = tensor(f"layer_{index}/{theirs}/layer_norm/gamma")
            state[f"layers.{index}.{ours}.bias"] = tensor(f"layer_{index}/{theirs}/layer_norm/beta")
    encoder_part.load_state_dict(state)


def _number(stream: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, stream.read(struct.calcsize(form)))[0])


def _text(stream: BinaryIO) -> str:
    return stream.read(_number(stream, "<H"))[:-1].decode()


def _variable(stream: BinaryIO) -> tuple[str, NDArray[np.generic]]:
    name = _text(stream)
    shape = [_number(stream, "<I") for _ in range(_number(stream, "<B"))]
    dtype = _DTYPES[_number(stream, "<B")]
    data = stream.read(_number(stream, "<I"))
    return name, np.frombuffer(data, dtype).reshape(shape)
