"""Create an environment for each engine: a Python virtual environment or an npm folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from training.engines.catalogue import Engine

_LIMIT_S = 900


class CannotInstallError(Exception):
    """The engine cannot be had on this machine; the text says why in one line."""


def install(engine: Engine, venvs: Path, wheels: Path) -> list[str]:
    """Make the engine's environment under ``venvs`` unless it is there; the command that runs its driver.

    ``wheels`` may hold wheels built by hand for packages that have none.
    Raises CannotInstallError.
    """
    for package in engine.debian:
        if subprocess.run(["dpkg", "-s", package], capture_output=True, check=False).returncode:
            raise CannotInstallError(f"needs the Debian package {package}")
    home = (venvs / engine.name).resolve()
    done = home / "installed"
    wanted = "\n".join(engine.requirements + engine.npm)
    fresh = not done.exists() or done.read_text() != wanted
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
    if engine.npm:
        if fresh:
            _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), *engine.npm)
        # Node looks for modules from the driver's own folder upwards.
        command = ["node", shutil.copy(engine.driver, home)]
    else:
        python = str(home / "bin" / "python")
        if fresh:
            _run(sys.executable, "-m", "venv", str(home))
        if fresh and engine.requirements:
            _run(python, "-m", "pip", "install", "--quiet", "--find-links", str(wheels), *engine.requirements)
        command = [python, str(engine.driver)]
    done.write_text(wanted)
    return command


def _run(*command: str) -> None:
    try:
        subprocess.run(["nice", *command], check=True, capture_output=True, text=True, timeout=_LIMIT_S)
    except subprocess.CalledProcessError as error:
        lines = [line for line in str(error.stderr).splitlines() if line.strip()] or ["no message"]
        raise CannotInstallError(next((line for line in lines if "rror" in line), lines[-1])) from error
    except subprocess.TimeoutExpired as error:
        raise CannotInstallError(f"the installation took more than {_LIMIT_S} s") from error
