"""The desk in a real browser, fed by a real server with scripted voices."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.async_api import Locator, Page, async_playwright, expect

from tests.server.desk import Someone, session_token
from tests.server.serving import Served, Voice, said, serving, speak, start

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "no chromium on the path"
SYNTHETIC = 3.0
"""LLR of a voice that makes the risk high, nats."""
TOO_WIDE = """
[...document.querySelectorAll("html, .list, .call, .page, .sign-in")]
  .filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.className)
"""
"""Parts of the page that would have to be scrolled sideways."""
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
"""Sums what moves by itself, as the Layout Instability API has it."""
AXE = (Path(axe_playwright_python.__file__).with_name("axe.min.js")).read_text(encoding="utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Wire:
    """A TCP line from the browser to the server, which can be cut and mended."""

    port: int
    whole: bool = True
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the browser."""
        if not self.whole:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._ends |= {writer, far_writer}
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        self._ends -= {writer, far_writer}

    def cut(self) -> None:
        """Break what is connected and take nothing new until `whole` again."""
        self.whole = False
        for end in self._ends:
            end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def opened(
    served: Served, *, roles: Iterable[str] | None = ("agent",), person: str = "ann", origin: str | None = None,
    path: str = "", **options: Any
) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page of somebody who is signed in with these roles, or of nobody for None; and everything that its console
    complains of or that it asks for elsewhere."""
    origin = origin or served.origin
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        )
        try:
            context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            context.set_default_timeout(60_000)
            if roles is not None:
                token = await session_token(served, person, roles)
                await context.add_cookies([
                    {"name": "voiceguard", "value": token, "url": origin, "httpOnly": True, "sameSite": "Strict"}
                ])
            page = await context.new_page()
            await page.add_init_script(SHIFTS)
            complaints: list[str] = []
            page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: None if asked.url.startswith(origin) else complaints.append(asked.url))
            await page.goto(f"{origin}/console/{path}")
            yield page, complaints
        finally:
            await browser.close()


def in_page(
    folder: Path, case: Callable[[Served, Page], Coroutine[Any, Any, None]], *, llr: float = SYNTHETIC,
    roles: Iterable[str] = ("agent",), **settings: Any
) -> None:
    """Run a case on the page of somebody with these roles; the browser must find nothing to complain of, and nothing on
    the page may move by itself."""
    expect.set_options(timeout=30_000)

    async def main() -> None:
        # Nobody's call is hung up while the browser takes its time.
        kept = {"stall_s": 600.0, **settings}
        async with serving(folder, voice=Voice(llr), **kept) as served, opened(served, roles=roles) as (page, faults):
            await expect(page.locator(".feed")).to_have_text("Live")
            await case(served, page)
            assert [] == faults
            assert 0.1 > await page.evaluate("window.shifted")

    asyncio.run(main())


async def sign_in(page: Page, who: Someone, **changes: str) -> None:
    """Fill the form in as a person does."""
    await page.get_by_label("Name").fill(who.name)
    await page.get_by_label("Password").fill(changes.get("password") or who.password)
    await page.get_by_label("Code of your authenticator").fill(changes.get("code") or who.code())
    await page.get_by_role("button", name="Sign in").click()


def item(page: Page, call_id: str = "call-1") -> Locator:
    """A call in the list."""
    return page.locator(f"[data-call='{call_id}']")


async def high_call(served: Served, page: Page, seconds: float = 10.0) -> Any:
    """A call of a synthetic voice, open on the page; the platform's socket."""
    await served.service.store.customers.upsert("customer-1")
    socket = await served.stream()
    await socket.send(start())
    await said(socket, "started")
    await item(page).click()
    await speak(socket, seconds)
    return socket


async def intend(socket: Any, action: str, **parameters: str) -> dict[str, Any]:
    """The platform says what the caller wants; the first decision on it."""
    await socket.send(json.dumps({"type": "intent", "action": action, "parameters": parameters}))
    return await said(socket, "decision", action=action)


async def faults_for(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA."""
    await page.evaluate(AXE)
    found = await page.evaluate("(tags) => axe.run(document, { runOnly: tags })", WCAG)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"] for node in each["nodes"]
    ]
