"""`python -m fuzz <target> [options of libFuzzer]`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["voiceguard", "http_sf"]):
    from fuzz.targets import TARGETS

WORK = Path(__file__).with_name("work")


def main() -> None:
    """Seed the corpus, write the words of the seeds as a dictionary, and fuzz until libFuzzer is done."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit("python -m fuzz <target> [options of libFuzzer]; targets: " + " ".join(TARGETS))
    target = TARGETS[name]
    corpus, findings = WORK / name, WORK / f"{name}-findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    words: set[str] = set()
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
        words |= set(re.findall(r"[A-Za-z_@-]{3,40}", seed.decode("latin-1")))
    dictionary = WORK / f"{name}.dict"
    dictionary.write_text("".join(f'"{word}"\n' for word in sorted(words)), encoding="ascii")
    options = [
        f"-dict={dictionary}", f"-artifact_prefix={findings}/", "-max_len=70000", "-timeout=30", "-rss_limit_mb=4096",
        "-print_final_stats=1", "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, *sys.argv[2:], str(corpus)], target.check)
    atheris.Fuzz()


main()
