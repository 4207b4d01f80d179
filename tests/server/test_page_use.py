"""The desk by keyboard, by screen reader, on a narrow screen, and while the connection is lost."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.server.browsing import (
    CHROMIUM,
    NO_CHROMIUM,
    SYNTHETIC,
    TOO_WIDE,
    Wire,
    faults_for,
    high_call,
    in_page,
    intend,
    item,
    opened,
)
from tests.server.serving import Served, Voice, said, serving, start

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM), pytest.mark.timeout(300)]


def test_keys_alone(tmp_path: Path) -> None:
    """Without a mouse: to the neediest call, down the list, back up, and to one by its name."""

    async def case(served: Served, page: Page) -> None:
        async with await high_call(served, page), served.stream() as second, served.stream() as third:
            for socket, call_id in ((second, "call-2"), (third, "call-3")):
                await socket.send(start(call_id, customer_ref=None))
                await said(socket, "started")
            await expect(page.locator(".item")).to_have_count(3)
            await expect(item(page).locator(".score")).to_have_attribute("data-band", "high")
            heading, order = page.locator(".head h2"), page.locator(".item strong")
            await expect(order.first).to_have_text("call-1")
            await page.locator("body").press("n")
            await expect(heading).to_have_text("call-1")
            await page.keyboard.press("j")
            await expect(heading).to_have_text("call-2")
            await page.locator(".rows").focus()
            await page.keyboard.press("End")
            await expect(heading).to_have_text("call-3")
            await page.keyboard.press("ArrowUp")
            await expect(heading).to_have_text("call-2")
            await page.keyboard.press("/")
            await page.keyboard.type("call-3")
            await expect(page.locator(".item")).to_have_count(1)
            await page.keyboard.press("Escape")
            await expect(page.locator(".rows")).to_be_focused()

    in_page(tmp_path, case)


def test_news_does_not_disturb(tmp_path: Path) -> None:
    """Whatever comes in meanwhile, a reason half typed stays as it is and the keyboard where it was."""

    async def case(served: Served, page: Page) -> None:
        async with await high_call(served, page) as socket:

            async def hear(text: str) -> None:
                await socket.send(json.dumps({"type": "transcript", "channel": "caller", "text": text}))
                await expect(page.locator(".notes")).to_contain_text(text)

            await intend(socket, "account_recovery")
            await page.get_by_role("button", name="Take it over").click()
            reason = page.get_by_label("Reason")
            await reason.focus()
            await page.keyboard.type("Called back on")
            await hear("Are you there?")
            await page.keyboard.type(" the known number")
            await expect(reason).to_have_value("Called back on the known number")
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name="Approve")).to_be_focused()
            await page.keyboard.press("Enter")
            await said(socket, "decision", decision="allow")

    in_page(tmp_path, case)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    """WCAG 2.2 AA by axe-core, on a wide screen and one of 400 px, where nothing runs out of it; the longest id that a
    call can have breaks into lines."""
    long_id = "c" * 128

    async def main() -> None:
        async with (
            serving(tmp_path, voice=Voice(SYNTHETIC), stall_s=600.0) as served, served.call(long_id, seconds=1.0),
        ):
            async with opened(served, roles=None, color_scheme=scheme) as (page, _):
                await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
                assert [] == await faults_for(page)
            async with opened(served, roles=("supervisor",), color_scheme=scheme) as (page, complaints):
                async with await high_call(served, page) as socket:
                    await intend(socket, "account_recovery")
                    await page.get_by_role("button", name="Take it over").click()
                    await expect(page.locator(".shown")).to_be_visible()
                    assert scheme == await page.evaluate("getComputedStyle(document.documentElement).colorScheme")
                    for width in (1280, 400):
                        await page.set_viewport_size({"width": width, "height": 800})
                        assert [] == await faults_for(page)
                        assert [] == await page.evaluate(TOO_WIDE)
                await page.get_by_role("link", name="All calls").click()
                await item(page, long_id).click()
                await expect(page.locator(".head h2")).to_have_text(long_id)
                assert [] == await page.evaluate(TOO_WIDE)
                assert [] == complaints
            async with opened(served, person="adm", roles=("admin", "analyst"), color_scheme=scheme) as (page, _):
                for name in ("People", "Watch list"):
                    await page.get_by_role("link", name=name).click()
                    await expect(page.get_by_role("table").first).to_be_visible()
                    assert [] == await faults_for(page)

    expect.set_options(timeout=30_000)
    asyncio.run(main())


def test_feed_comes_back(tmp_path: Path) -> None:
    """A lost connection is named while it lasts; mended, the page shows what happened meanwhile without a reload."""

    async def main() -> None:
        async with serving(tmp_path) as served:
            wire = Wire(int(served.origin.rpartition(":")[2]))
            relay = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
            origin = f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}"
            async with opened(served, origin=origin) as (page, complaints):
                feed = page.locator(".feed")
                async with served.call(seconds=1.0):
                    await item(page).click()
                    await expect(page.locator(".head h2")).to_have_text("call-1")
                    wire.cut()
                    await expect(feed).to_have_text("Disconnected, trying again…")
                    await expect(page.locator(".head h2")).to_have_text("call-1")
                    await expect(page.locator(".gauge")).to_have_css("filter", "grayscale(1)")
                async with served.call("call-2", seconds=1.0):
                    wire.whole = True
                    await expect(feed).to_have_text("Live")
                    await expect(page.locator(".ended")).to_have_text("Call ended")
                    await expect(page.locator(".item strong")).to_have_text(["call-2", "call-1"])
                assert [] == [line for line in complaints if not line.startswith("WebSocket connection to")]
            relay.close()

    expect.set_options(timeout=30_000)
    asyncio.run(main())


def test_server_gone(tmp_path: Path) -> None:
    """Without the server the page says that it is disconnected and does not pass old figures off as live."""

    async def main() -> None:
        async with AsyncExitStack() as browser:
            async with serving(tmp_path, voice=Voice(SYNTHETIC)) as served:
                page, _ = await browser.enter_async_context(opened(served))
                async with served.call():
                    await item(page).click()
                    await expect(page.locator(".gauge")).to_contain_text("High risk")
            await expect(page.locator(".feed")).to_have_text("Disconnected, trying again…")
            await expect(page.locator(".gauge")).to_have_css("filter", "grayscale(1)")

    expect.set_options(timeout=30_000)
    asyncio.run(main())
