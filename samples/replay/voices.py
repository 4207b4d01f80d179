"""Voices, noise and hold music of the replay demonstration: `python samples/replay/voices.py DIR`.

Clips of real people from Debian packages, sentences spoken by engines from PyPI and npm packages, as `DIR/voices.csv`
lists them, with `DIR/music` and `DIR/noise` beside. Needs what samples/make.py needs. What is there is kept.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))
import voices
from line import RATE, street_noise

MUSIC = "asterisk-moh-opsound-wav"
SHORTEST_S, LONGEST_S, MOST_CLIPS = 1.5, 14.0, 60
HUMANS = voices.HUMANS | {"reader": "pocketsphinx/test/data/librivox"}
BLENDS = {
    "blend-f": {"af_bella": 0.5, "bf_emma": 0.5},
    "blend-m": {"am_michael": 0.5, "am_fenrir": 0.5},
    "blend-f2": {"af_heart": 0.5, "af_nicole": 0.5},
    "blend-m2": {"bm_george": 0.5, "am_puck": 0.5},
}
SENTENCES = (
    "Hello, thanks for picking up. I have been trying to get into my profile all morning and it keeps shutting me out.",
    "I moved house at the weekend, and the laptop with my saved passwords is still somewhere in a box.",
    "Yes, I can give you the postcode, it should be the new one, although the old one may still be on file.",
    "I would rather not wait for a letter, because the payment for the builder is due this afternoon.",
    "The number that you have for me is out of date, so nothing that you send there will ever reach me.",
    "Could you please just set it back for me now, and I will choose something new as soon as we hang up?",
    "I understand that there are rules, but I have been a customer of yours for more than eleven years.",
    "My partner usually looks after these things, and she is on an aeroplane until late tonight.",
)


def people(work: Path, out: Path) -> list[dict[str, str]]:
    """Clips of real speakers, copied as they are."""
    rows = []
    for speaker, folder in HUMANS.items():
        kept = 0
        for path in sorted((work / "usr/share" / folder).glob("*.wav")):
            if kept == MOST_CLIPS or not SHORTEST_S <= soundfile.info(path).duration <= LONGEST_S:
                continue
            kept += 1
            name = f"{speaker}-{path.stem}.wav"
            (out / "clips" / name).write_bytes(path.read_bytes())
            rows.append(_row(name, speaker, "bonafide", "", "pocketsphinx" if "pocketsphinx" in folder else "asterisk"))
    return rows


def machines(work: Path, out: Path) -> list[dict[str, str]]:
    """The sentences, by every synthetic voice."""
    voices.KOKORO = BLENDS  # the styles are loaded for these voices
    say = voices.Voices(work)
    rows = []
    for speaker, system in {**dict.fromkeys(BLENDS, "kokoro"), "joe": "piper"}.items():
        for number, text in enumerate(SENTENCES, 1):
            name = f"{speaker}-{number}.wav"
            if not (out / "clips" / name).is_file():
                audio, rate = say.say(speaker, text)
                soundfile.write(out / "clips" / name, audio, rate)
            rows.append({**_row(name, speaker, "spoof", system, system), "text": text})
    return rows


def _row(name: str, speaker: str, label: str, system: str, source: str) -> dict[str, str]:
    return {
        "path": f"clips/{name}", "speaker": speaker, "label": label, "system": system, "source": f"{source}-{speaker}",
        "text": "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="DIR")
    out = parser.parse_args().out
    work = out / "packages"
    for folder in (work, out / "clips", out / "noise", out / "music"):
        folder.mkdir(parents=True, exist_ok=True)
    voices.DEBIAN = (*voices.DEBIAN, MUSIC)
    voices.fetch(work)
    for place, path in enumerate(sorted((work / "usr/share/asterisk/moh").glob("*.wav"))[:2], 1):
        subprocess.run(["cp", str(path), str(out / "music" / f"{place}.wav")], check=True)
    for number in (1, 2):
        noise = street_noise(np.random.default_rng(number), 60 * RATE, -30.0)
        soundfile.write(out / "noise" / f"{number}.wav", noise, RATE)
    rows = [*people(work, out), *machines(work, out)]
    with (out / "voices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "speaker", "label", "system", "source", "text"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    speakers = {(row["label"], row["speaker"]) for row in rows}
    print(f"{len(rows)} clips of {len(speakers)} voices in {out / 'voices.csv'}")


if __name__ == "__main__":
    main()
