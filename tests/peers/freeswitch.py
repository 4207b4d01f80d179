"""A real FreeSWITCH for one test: its configuration in a folder of its own, and its event socket."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

BOOT_S = 60.0
MODULES = (
    "mod_event_socket", "mod_commands", "mod_dptools", "mod_dialplan_xml", "mod_loopback", "mod_sndfile",
    "mod_audio_fork", "mod_audio_stream",
)
CONFIGURATION = """<document type="freeswitch/xml">
  <section name="configuration">
    <configuration name="switch.conf"><settings><param name="loglevel" value="warning"/></settings></configuration>
    <configuration name="modules.conf"><modules>{modules}</modules></configuration>
    <configuration name="event_socket.conf"><settings>
      <param name="listen-ip" value="127.0.0.1"/><param name="listen-port" value="{port}"/>
      <param name="password" value="tests"/>
    </settings></configuration>
  </section>
  <section name="dialplan"><context name="voices">
    <extension name="voice"><condition field="destination_number" expression="^voice$">
      <action application="answer"/>
      <action application="playback" data="{voice}"/>
      <action application="sleep" data="60000"/>
    </condition></extension>
  </context></section>
</document>
"""


def program() -> Path | None:
    """The FreeSWITCH of this machine: `$FREESWITCH`, or the one on the path."""
    found = os.environ.get("FREESWITCH") or shutil.which("freeswitch")
    return Path(found) if found else None


class EventSocket:
    """FreeSWITCH's event socket, inbound mode."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self.events: list[tuple[str, str]] = []
        """Subclass and body of every custom event so far."""

    async def api(self, command: str) -> str:
        """What a command answers."""
        return await self._ask(f"api {command}")

    async def listen(self, *subclasses: str) -> None:
        """Have these custom events, and no others."""
        await self._ask(f"event plain CUSTOM {' '.join(subclasses)}")

    async def _ask(self, command: str) -> str:
        self._writer.write(f"{command}\n\n".encode())
        async with asyncio.timeout(BOOT_S):
            return await self._answers.get()

    async def read(self) -> None:
        """Answers and events, until cancelled."""
        while True:
            headers = await self._headers()
            body = (await self._reader.readexactly(int(headers.get("Content-Length", "0")))).decode()
            if headers.get("Content-Type") == "text/event-plain":
                head, _, rest = body.partition("\n\n")
                fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
                self.events.append((unquote(fields.get("Event-Subclass", "")), rest))
            elif headers.get("Content-Type") == "auth/request":
                self._writer.write(b"auth tests\n\n")
            else:
                self._answers.put_nowait(body or headers.get("Reply-Text", ""))

    async def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while line := (await self._reader.readline()).decode().strip("\n"):
            name, _, value = line.partition(": ")
            found[name] = value
        if not found:
            raise EOFError
        return found

    async def signed_in(self) -> None:
        """Once the password was taken."""
        assert "+OK accepted" == await self._answers.get()


@asynccontextmanager
async def running(binary: Path, folder: Path, voice: Path) -> AsyncIterator[EventSocket]:
    """FreeSWITCH, whose extension `voice` in the context `voices` plays a file."""
    for name in ("conf", "log", "db", "run"):
        (folder / name).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    modules = "".join(f'<load module="{name}"/>' for name in MODULES)
    (folder / "conf" / "freeswitch.xml").write_text(CONFIGURATION.format(modules=modules, port=port, voice=voice))
    places = [word for name in ("conf", "log", "db", "run") for word in (f"-{name}", str(folder / name))]
    with (folder / "console").open("w") as console:
        process = await asyncio.to_thread(lambda: subprocess.Popen(
            [binary, "-nf", "-nc", "-nonat", "-nort", *places], stdin=subprocess.DEVNULL, stdout=console, stderr=console
        ))
        try:
            reader, writer = await _reached(process, port)
            events = EventSocket(reader, writer)
            reading = asyncio.create_task(events.read())
            await events.signed_in()
            yield events
            reading.cancel()
            writer.close()
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, BOOT_S)


async def _reached(process: subprocess.Popen[bytes], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(BOOT_S):
        while process.poll() is None:
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.1)
    raise OSError("FreeSWITCH did not start")
