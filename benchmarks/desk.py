"""Frame times of the agents' desk in Chromium while many calls are live: `python -m benchmarks.desk --calls 500`.

The service is real, and so are its feed and the page; the calls are fed into the live hub at the rate at which speech
makes news (one risk a second and call, a note every ten), without audio, so that the browser is what is measured. The
machine has to be quiet: server and browser share it. A frame that takes longer than 50 ms is one that people see.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Page, async_playwright

from voiceguard.live.feed import CallView, Hub
from voiceguard.server.access.password_policy import token_digest
from voiceguard.server.app import create_app
from voiceguard.settings import Settings
from voiceguard.simulator.demo import listening

WATCH = """
() => {
  const frames = (window.frames_ms = []);
  let last = performance.now();
  const step = (now) => { frames.push(now - last); last = now; requestAnimationFrame(step); };
  requestAnimationFrame(step);
}
"""


async def measure(calls: int, seconds: float) -> dict[str, Any]:
    """Frame intervals with the list alone, with a call open, and while the list is scrolled, ms."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        app = create_app(settings)
        async with listening(app, settings) as origin, async_playwright() as playwright:
            service, token = app.state.service, secrets.token_urlsafe(32)
            people, now = service.store.users, service.now()
            await people.add("ann", ["supervisor"], setup="-", expires=now, by="benchmark", now=now)
            await people.open_session("ann", token_digest(token), "totp", now)
            feeding = asyncio.create_task(_feed(service.live.hub, calls))
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            await context.add_cookies([{"name": "voiceguard", "value": token, "url": origin}])
            page = await context.new_page()
            await page.goto(f"{origin}/console/")
            await page.locator(".item").first.wait_for()
            found: dict[str, Any] = {"calls": calls, "seconds": seconds, "chromium": browser.version}
            found["list"] = await _frames(page, seconds)
            await page.locator(".item").first.click()
            found["call open"] = await _frames(page, seconds)
            await page.evaluate("setInterval(() => { document.querySelector('.rows').scrollTop += 40 }, 50)")
            found["scrolled"] = await _frames(page, seconds)
            found["rows in the document"] = await page.locator(".item").count()
            await browser.close()
            feeding.cancel()
            return found


async def _frames(page: Page, seconds: float) -> dict[str, float]:
    await page.evaluate(WATCH)
    await asyncio.sleep(seconds)
    frames = np.array(await page.evaluate("window.frames_ms"))[2:]
    p50, p95, p99 = np.percentile(frames, [50, 95, 99])
    return {
        "frames": len(frames), "p50": round(p50, 1), "p95": round(p95, 1), "p99": round(p99, 1),
        "max": round(float(frames.max()), 1), "over_50_ms": round(float((frames > 50).mean()), 4),
    }


async def _feed(hub: Hub, calls: int) -> None:
    """News of every call once a second, spread over it."""
    draw = random.Random(1)
    views = [CallView(f"call-{number:04}", f"customer-{number}", 1.8e9 + number) for number in range(calls)]
    for view in views:
        hub.start(view)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for turn in range(1_000_000):
        view = views[turn % calls]
        at_s = 5.0 + turn // calls
        score = min(99, max(1, (view.line[-1][1] or 5) + draw.randint(-2, 2) if view.line else 5))
        evidence = [{"source": source, "llr": 0.4, "weight": 1.0, "contribution": draw.uniform(-1, 1), "windows": turn}
                    for source in ("synthetic_voice", "speaker_change", "voiceprint")]
        view.speech = [(2.0, at_s)]
        view.add_risk({
            "type": "risk", "call_id": view.call_id, "at_s": at_s, "net_speech_s": at_s, "score": score, "state": "ok",
            "band": "high" if score > 9 else "low", "evidence": evidence, "models": {}, "policy": "0",
        })
        if turn % 10 == 0:
            view.add_event("transcript", at_s, channel="caller", text=f"Something was said at {at_s:.0f} seconds")
        hub.changed(view.call_id)
        await asyncio.sleep(max(0.0, began + turn / calls - loop.time()))


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.calls, options.seconds)), indent=2))


if __name__ == "__main__":
    main()
