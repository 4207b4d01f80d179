"""What every training step shares: the config file, the data folder, hashes of what a step wrote."""

from __future__ import annotations

import argparse
import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Settings:
    """One training run: the parsed config file and two folders."""

    config: dict[str, Any]
    data: Path
    """Folder of train.csv and noise.csv."""
    work: Path
    """Folder of prepared clips and their embeddings, for all models; not in version control."""
    made: Path
    """Folder inside `work` of what the steps write for this one model."""

    @property
    def layers(self) -> Path:
        """Folder of the rounded layers and of what they say: a model may judge what another one's layers say."""
        return self.work / str(self.config.get("layers", self.config["name"]))

    @property
    def seed(self) -> int:
        """Seed of every random choice."""
        return int(self.config["seed"])


def read_settings(step: str) -> Settings:
    """Read ``--config`` and ``--data`` (or ``VOICEGUARD_DATA``) from the command line of a step."""
    parser = argparse.ArgumentParser(prog=f"python -m training.synthetic.{step}")
    parser.add_argument("--config", type=Path, default=Path("training/synthetic/stream.toml"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("VOICEGUARD_DATA", "../shared/data")))
    arguments = parser.parse_args()
    return settings_of(arguments.config, arguments.data)


def settings_of(path: Path, data: Path) -> Settings:
    """What a config file says; its folders are made."""
    config = tomllib.loads(path.read_text())
    work = Path(config["work"])
    made = work / config["name"]
    made.mkdir(parents=True, exist_ok=True)
    return Settings(config, data, work, made)


def sha256_of(*paths: Path) -> str:
    """Hash the files in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
