"""Makes the sample calls and their manifest from public packages: `python samples/make.py [--work DIR]`.

Needs apt-get, dpkg and npm, and `pip install -r samples/requirements.txt`. Everything drawn at random is seeded by the
call's name, so two runs on one machine give the same bytes. Prints how much net speech of whom each caller's channel
holds, counted by webrtcvad.
"""

import argparse
import json
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile
from line import FRAME, RATE, Audio, dtmf, hold_music, line_noise, net_speech, street_noise, telephone
from script import CALLER, CALLS, LISTED, Call, Hold, Key, Listed, Mark, Pause, Say
from voices import Voices, fetch

HERE = Path(__file__).parent
LINES = ("caller", "agent")


def render(call: Call, voices: Voices) -> tuple[Audio, dict[str, object], list[tuple[str, float]]]:
    """Audio of one call (samples x 2, 8 kHz), its manifest line, and the caller's net speech by voice, seconds."""
    rng = np.random.default_rng(zlib.crc32(call.call_id.encode()))
    placed: list[tuple[int, int, Audio]] = []
    events: list[dict[str, object]] = []
    speech: list[tuple[str, float]] = []
    levels = {part.voice: float(rng.uniform(-26, -20)) for part in call.parts if isinstance(part, Say)}
    spoof_from: float | None = None
    at = RATE // 2
    for part in call.parts:
        match part:
            case Say(line=line, voice=voice, items=items):
                if line == 0:
                    if call.spoof_voice == voice and spoof_from is None:
                        spoof_from = at / RATE
                    speech.append((voice, 0.0))
                for item in items:
                    audio = telephone(*voices.say(voice, item), levels[voice])
                    placed.append((line, at, audio))
                    at += len(audio) + int(rng.uniform(0.15, 0.4) * RATE)
                    if line == 0:
                        speech[-1] = (voice, speech[-1][1] + net_speech(audio))
                at += int(rng.uniform(0.1, 0.4) * RATE)
            case Key(digits=digits, audible=audible):
                if audible:
                    tones = dtmf(digits)
                    placed.append((0, at, tones))
                    at += len(tones)
                events.append({"at_s": round(at / RATE, 2), "type": "dtmf", "digits": digits})
            case Mark(event=event):
                events.append({"at_s": round(at / RATE, 2), **event})
            case Hold(seconds=seconds):
                placed.append((CALLER, at, hold_music(seconds, -20.0)))
                at += int(seconds * RATE)
            case Pause(seconds=seconds):
                at += int(seconds * RATE)
    lines = _mix(placed, at + RATE, call.noise_dbfs, rng)
    manifest: dict[str, object] = {
        "call_id": call.call_id,
        "audio": f"{call.call_id}.wav",
        "channels": {str(number): name for number, name in enumerate(LINES)},
        "label": call.label,
        "spoof_from_s": None if spoof_from is None else round(spoof_from, 2),
        "customer_ref": call.customer_ref,
        "events": events,
        "expect": call.expect,
    }
    return lines, manifest, speech


def _mix(
    placed: list[tuple[int, int, Audio]], samples: int, noise_dbfs: float | None, rng: np.random.Generator
) -> Audio:
    """Both channels with line noise, the caller's street noise, and each (line, start, audio) in its place; whole
    frames."""
    samples = -(-samples // FRAME) * FRAME
    lines = np.stack([line_noise(rng, samples) for _ in LINES], axis=1)
    if noise_dbfs is not None:
        lines[:, 0] += street_noise(rng, samples, noise_dbfs)
    for line, start, audio in placed:
        lines[start : start + len(audio), line] += audio
    return lines


def record(listed: Listed, voices: Voices) -> Audio:
    """An earlier recording of a known fraudster: one channel of a call (samples,), 8 kHz."""
    call = Call(listed.name, "genuine", "", {}, (listed.said,))
    return render(call, voices)[0][:, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    work = Path(tempfile.gettempdir()) / "voiceguard-samples"
    parser.add_argument("--work", type=Path, default=work, help="where packages are unpacked")
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    fetch(work)
    voices = Voices(work)
    rows = []
    print(f"{'call':26} {'label':10} {'length':>6}  caller's net speech, in order")
    for call in CALLS:
        lines, manifest, speech = render(call, voices)
        soundfile.write(HERE / str(manifest["audio"]), np.clip(lines, -1, 1), RATE, subtype="ULAW", format="WAV")
        rows.append(json.dumps(manifest, ensure_ascii=False))
        heard = ", ".join(f"{voice} {seconds:.1f}" for voice, seconds in speech)
        print(f"{call.call_id:26} {call.label:10} {len(lines) / RATE:5.1f}s  {heard}")
    entries = []
    for listed in LISTED:
        path = HERE / "watchlist" / f"{listed.name}.wav"
        soundfile.write(path, np.clip(record(listed, voices), -1, 1), RATE, subtype="ULAW", format="WAV")
        entries.append(json.dumps({"audio": path.relative_to(HERE).as_posix(), "reason": listed.reason}))
    (HERE / "watchlist.jsonl").write_text("\n".join(entries) + "\n", encoding="utf-8")
    (HERE / "calls.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
