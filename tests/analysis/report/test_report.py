"""The report in a real browser: complete without script, alive with it, and nothing runs that is not its own."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.calls import call, decided, point
from voiceguard.analysis.report.outcomes import Weights
from voiceguard.analysis.report.report import write_report
from voiceguard.analysis.report.summary import rows_of, summarise
from voiceguard.analysis.results import CallResult, Noted, Run

CHROMIUM = shutil.which("chromium")
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


def _replayed() -> list[Any]:
    def one(name: str, label: str, *runs: tuple[str, float]) -> Any:
        labelled = call(name, label, tags={"source": name, "attack": HOSTILE}, expect={"payment": "allow"})
        done = tuple(
            Run(policy=str(place), line=(point(shift),), decided=(decided(decision, shift=shift),),
                notes=(Noted(at_s=3.0, kind="injection", detail=HOSTILE),))
            for place, (decision, shift) in enumerate(runs)
        )
        return labelled, CallResult(
            call_id=name, duration_s=20.0, net_speech_s=9.0, drift={"score": (60,) * 10}, runs=done
        )

    genuine = [one(f"genuine-{n}", "genuine", ("allow", -0.5), ("step_up", -0.5)) for n in range(6)]
    fraud = [one(f"fraud-{n}", "synthetic", ("allow", 0.2 * n), ("handover", 0.2 * n)) for n in range(6)]
    hostile = call(HOSTILE), CallResult(call_id=HOSTILE, error=HOSTILE)
    return [*genuine, *fraud, one(f"fraud {HOSTILE}", "takeover", ("allow", 2.0), ("deny", 2.0)), hostile]


def written(folder: Path, replayed: list[Any], names: list[str], title: str = "calls") -> Path:
    """The report of two policies."""
    summary = summarise(replayed, names, models={"synthetic": "m@1"}, prior=0.05, risk_high=0.5, budget_per_1000=20.0)
    write_report(
        folder / "report.html", title, summary, rows_of(replayed, 0), risk_high=1 / 11, weights=Weights()
    )
    return folder / "report.html"


def test_report_is_the_same_each_time(tmp_path: Path) -> None:
    """Byte for byte, and names what it is of."""
    pages = [written(tmp_path, _replayed(), ["now", "draft"], "March").read_bytes() for _ in range(2)]

    assert pages[0] == pages[1]
    assert b"<title>March: replay</title>" in pages[0]


def test_report_loads_nothing(tmp_path: Path) -> None:
    """No address but the audio's, relative to the report, and one policy that forbids everything else."""
    page = written(tmp_path, _replayed(), ["now", "draft"]).read_text(encoding="utf-8")

    assert {"none.wav"} == {link.rsplit("/", 1)[-1] for link in re.findall(r'href="([^"#][^"]*)"', page)}
    assert [] == re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "default-src 'none'" in page and "unsafe-inline" not in page


@pytest.mark.parametrize("kept", [slice(0, 0), slice(0, 3), slice(6, 9), slice(-1, None)])
def test_report_of_whatever_there_is(kept: slice, tmp_path: Path) -> None:
    """No calls, genuine ones alone, frauds alone, broken files alone."""
    page = written(tmp_path, _replayed()[kept], ["now", "draft"]).read_text(encoding="utf-8")

    assert page.rstrip().endswith("</html>")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_weights_are_edited_and_nothing_foreign_runs(tmp_path: Path) -> None:
    """A weight that changes makes the costs anew; texts out of a call set stay texts; the page fits its width."""
    from playwright.async_api import async_playwright

    path = written(tmp_path, _replayed(), ["now", "draft"])

    async def look() -> tuple[list[str], list[str], list[str], str, bool]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = await browser.new_page()
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(path.as_uri())
            cells = page.locator("#cost tbody tr").first.locator("td")
            before = await cells.all_inner_texts()
            await page.get_by_label("frauds among 1,000 calls").fill("10")
            await page.get_by_label("a fraud that got through").fill("1000")
            after = await cells.all_inner_texts()
            wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            return before, after, complaints, await page.title(), wide

    before, after, complaints, title, wide = asyncio.run(look())
    assert ["0.00", "0.00", "0.00", "4000.00", "4000.00"] == before
    assert ["0.00", "0.00", "0.00", "10000.00", "10000.00"] == after
    assert ([], "calls: replay", False) == (complaints, title, wide)
