"""A real Asterisk for one test: its configuration in a folder of its own, and calls that it places."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from voiceguard.events import Samples

BOOT_S = 60.0
MODULES = (
    "app_audiosocket", "app_chanspy", "app_dial", "app_originate", "app_playback", "app_senddtmf", "app_verbose",
    "bridge_simple", "bridge_softmix", "chan_audiosocket", "chan_bridge_media", "chan_websocket", "codec_alaw",
    "codec_resample", "codec_ulaw", "format_wav", "func_channel", "func_curl", "func_global", "func_json", "pbx_config",
    "pbx_spool", "res_audiosocket", "res_curl", "res_http_websocket", "res_sorcery_config", "res_timing_timerfd",
    "res_websocket_client",
)
"""What the calls need. One that this Asterisk does not have is left out."""


def program() -> Path | None:
    """The Asterisk of this machine: `$ASTERISK`, or the one on the path."""
    found = os.environ.get("ASTERISK") or shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


@dataclass
class Asterisk:
    """A running Asterisk."""

    binary: Path
    folder: Path

    def run(self, command: str) -> str:
        """What a command of its console prints."""
        done = subprocess.run(
            [self.binary, "-C", self.folder / "asterisk.conf", "-rx", command], capture_output=True, text=True,
            check=False, timeout=BOOT_S,
        )
        return done.stdout + done.stderr

    @property
    def version(self) -> str:
        """As it names itself."""
        return subprocess.run([self.binary, "-V"], capture_output=True, text=True, check=True).stdout.strip()

    def has(self, module: str) -> bool:
        """Whether a module runs."""
        return f"{module}.so" in self.run(f"module show like {module}.so")

    def place(self, channel: str, extension: str, **variables: str) -> None:
        """A call file: `channel` is called, and executes the extension of the context `guarded`."""
        lines = [f"Channel: {channel}", "Context: guarded", f"Extension: {extension}", "MaxRetries: 0", *(
            f"Setvar: {name}={value}" for name, value in variables.items()
        )]
        written = self.folder / "call"
        written.write_text("\n".join([*lines, ""]))
        written.rename(self.folder / "spool" / "outgoing" / f"{extension}-{len(variables)}")

    def log(self) -> str:
        """Everything that it said."""
        return (self.folder / "console").read_text(errors="replace")


@contextmanager
def running(binary: Path, folder: Path, files: Mapping[str, str], sounds: Mapping[str, Samples]) -> Iterator[Asterisk]:
    """Asterisk with these files of configuration and sounds (8 kHz), until the end; no port of its own is open."""
    for name in ("spool/outgoing", "log", "run", "sounds", "db"):
        (folder / name).mkdir(parents=True)
    for name, samples in sounds.items():
        soundfile.write(folder / "sounds" / f"{name}.wav", np.asarray(samples), 8000, subtype="PCM_16")
    places = {
        "astetcdir": folder, "astspooldir": folder / "spool", "astlogdir": folder / "log", "astrundir": folder / "run",
        "astdbdir": folder / "db", "astkeydir": folder / "db",
    }
    directories = [f"{name} = {place}" for name, place in places.items()]
    # A line that waits is silent, as a telephone's is, and not dead.
    options = ["[options]", "transmit_silence = yes", ""]
    written = {
        "asterisk.conf": "\n".join(["[directories]", *directories, *options]),
        "modules.conf": "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in MODULES),
        "logger.conf": "[logfiles]\nconsole = notice,warning,error,verbose\n", **files,
    }
    for name, text in written.items():
        (folder / name).write_text(text)
    started = Asterisk(binary, folder)
    with (folder / "console").open("w") as console:
        process = subprocess.Popen(
            [binary, "-C", folder / "asterisk.conf", "-f", "-n", "-vvv"], stdin=subprocess.DEVNULL, stdout=console,
            stderr=console, cwd=folder,
        )
        try:
            _wait(started, process)
            yield started
        finally:
            process.terminate()
            process.wait(BOOT_S)


def _wait(started: Asterisk, process: subprocess.Popen[bytes]) -> None:
    """Until its console answers that everything runs."""
    while process.poll() is None:
        if (started.folder / "run" / "asterisk.ctl").exists() and "fully booted" in started.run("core waitfullybooted"):
            return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    raise OSError(f"Asterisk did not start: {started.log()[-2000:]}")
