"""Call sets mixed as a recipe says: seeded, so that a recipe gives the same set every time."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voiceguard.adapters.audio_files import read_mono_8k
from voiceguard.analysis.callsets import mixing
from voiceguard.analysis.callsets.channels import apply
from voiceguard.analysis.callsets.recipe import Calls, Clip, Line, Recipe, read_voices
from voiceguard.errors import AudioFileError, ConfigurationError
from voiceguard.events import RATE_HZ, Channel, Samples

CHANNELS: tuple[Channel, Channel] = ("caller", "agent")
_KEYED_AFTER_S = 3.0
_TAIL_S = 1.5
_MUSIC_DBFS = -24.0


@dataclass
class _Voice:
    """A speaker who says clip after clip, in an order of their own."""

    clips: list[Clip]
    level_dbfs: float
    place: int = 0

    def say(self) -> tuple[Clip, Samples]:
        """The next clip, over and over."""
        clip = self.clips[self.place % len(self.clips)]
        self.place += 1
        return clip, mixing.level(mixing.band(mixing.trimmed(_read(clip.path))), self.level_dbfs)


@dataclass
class _Tape:
    """What has been put where."""

    placed: list[tuple[Channel, int, Samples]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    at: int = RATE_HZ // 2
    """The next sample that is free."""

    def put(self, channel: Channel, audio: Samples, at: int | None = None) -> int:
        """Lay audio down; returns where it ends."""
        start = self.at if at is None else max(0, at)
        self.placed.append((channel, start, audio))
        return start + len(audio)

    def mark(self, **event: Any) -> None:
        """Something happens now."""
        self.events.append({"at_s": round(self.at / RATE_HZ, 2), **event})

    def mixed(self, channel: Channel, length: int) -> Samples:
        """Everything on one channel."""
        audio = np.zeros(length, dtype=np.float32)
        for where, start, part in self.placed:
            if where == channel:
                audio[start : start + len(part)] += part
        return audio


def build(recipe: Recipe, folder: Path, done: Callable[[int], object] = lambda count: None) -> int:
    """Write `folder/calls.jsonl` and its audio; returns the number of calls. `done` hears of each.

    Raises ConfigurationError when voices are missing that the recipe asks for, or a recording cannot be read.
    """
    voices = _Cast(read_voices(recipe.voices))
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    lines = []
    for kind in recipe.calls:
        for number in range(kind.count):
            call_id = f"{kind.name}-{number + 1:04d}"
            rng = np.random.default_rng([recipe.seed, zlib.crc32(call_id.encode())])
            audio, manifest = _render(kind, kind.line or recipe.line, recipe, voices, rng)
            soundfile.write(folder / "audio" / f"{call_id}.wav", audio, RATE_HZ, format="WAV", subtype="ULAW")
            lines.append({"call_id": call_id, "audio": f"audio/{call_id}.wav", **manifest})
            done(1)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "calls.jsonl").write_text(text, encoding="utf-8")
    return len(lines)


class _Cast:
    """Who can play a part."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._people = _by(clip for clip in clips if clip.label == "bonafide")
        self._machines = _by(clip for clip in clips if clip.label == "spoof")

    def person(self, rng: np.random.Generator, line: Line, but: _Voice | None = None) -> _Voice:
        """A person, each as likely as the next; not the one who speaks already."""
        spoken = None if but is None else but.clips[0].speaker
        others = {name: clips for name, clips in self._people.items() if name != spoken}
        return self._draw(others, "bonafide", rng, line)

    def machine(self, attacks: Sequence[str], rng: np.random.Generator, line: Line) -> _Voice:
        """A synthetic voice: a system, each as likely as the next, then one of its voices."""
        systems = sorted({clip.system for clips in self._machines.values() for clip in clips})
        wanted = [system for system in systems if not attacks or system in attacks]
        if missing := set(attacks) - {"human", *systems}:
            raise ConfigurationError(f"no voice of the system {min(missing)}")
        if not wanted:
            raise ConfigurationError("no voices with the label spoof")
        system = str(rng.choice(wanted))
        voices = {
            name: of for name, clips in self._machines.items() if (of := [one for one in clips if one.system == system])
        }
        return self._draw(voices, "spoof", rng, line)

    def _draw(self, voices: dict[str, list[Clip]], label: str, rng: np.random.Generator, line: Line) -> _Voice:
        if not voices:
            raise ConfigurationError(f"too few voices with the label {label}")
        clips = voices[str(rng.choice(sorted(voices)))]
        order = [clips[place] for place in rng.permutation(len(clips))]
        return _Voice(order, float(rng.uniform(*line.speech_dbfs)))


def _by(clips: Iterator[Clip]) -> dict[str, list[Clip]]:
    found: dict[str, list[Clip]] = {}
    for clip in clips:
        found.setdefault(clip.speaker, []).append(clip)
    return found


def _render(
    kind: Calls, line: Line, recipe: Recipe, cast: _Cast, rng: np.random.Generator
) -> tuple[Samples, dict[str, Any]]:
    """Both channels (n, 2) of one call, and its line of the manifest."""
    customer = cast.person(rng, line)
    agent = cast.person(rng, line, but=customer)
    impostor, attack = _impostor(kind, line, cast, customer, rng)
    tape, spoof_from = _Tape(), None
    takeover_at = int(rng.uniform(*kind.takeover_s) * RATE_HZ)
    hold_s = float(rng.uniform(*kind.hold_s))
    for turn in range(kind.turns):
        if turn == kind.turns // 2 and hold_s > 0:
            music = mixing.level(_read(recipe.music[int(rng.integers(len(recipe.music)))]), _MUSIC_DBFS)
            tape.at = tape.put("agent", mixing.looped(music, int(hold_s * RATE_HZ), rng))
        begins = tape.at
        if turn and rng.random() < kind.talk_over:
            begins -= int(rng.uniform(0.3, 1.5) * RATE_HZ)
        _speak(tape, "agent", agent, float(rng.uniform(*kind.agent_s)), begins, kind.transcripts)
        tape.at += _pause(kind, rng)
        speaker = customer
        if impostor is not None and _speaks(kind, turn, tape.at, takeover_at):
            speaker = impostor
            spoof_from = tape.at if spoof_from is None else spoof_from
        _speak(tape, "caller", speaker, float(rng.uniform(*kind.turn_s)), tape.at, kind.transcripts)
        tape.at += _pause(kind, rng)
    _ask(tape, kind)
    length = -(-(tape.at + int(_TAIL_S * RATE_HZ)) // mixing.PACKET) * mixing.PACKET
    codec = line.codecs[int(rng.integers(len(line.codecs)))]
    audio = np.stack([
        _caller_line(tape.mixed("caller", length), line, recipe, codec, rng),
        tape.mixed("agent", length) + mixing.line_noise(length, float(rng.uniform(*line.noise_dbfs)), rng),
    ], axis=1)
    voice = customer if spoof_from is None else impostor
    assert voice is not None
    return np.clip(audio, -1.0, 1.0), {
        "channels": {str(number): name for number, name in enumerate(CHANNELS)}, "label": kind.label,
        "spoof_from_s": None if spoof_from is None else round(spoof_from / RATE_HZ, 2),
        "customer_ref": f"customer-{customer.clips[0].speaker}", "events": tape.events,
        "expect": {} if kind.expect is None else {kind.action: kind.expect},
        "tags": {
            "source": voice.clips[0].source, "codec": codec, "speaker": voice.clips[0].speaker,
            **({} if attack is None else {"attack": attack}),
        },
    }


def _impostor(
    kind: Calls, line: Line, cast: _Cast, customer: _Voice, rng: np.random.Generator
) -> tuple[_Voice | None, str | None]:
    if kind.label == "genuine":
        return None, None
    if kind.attacks and rng.random() < kind.attacks.count("human") / len(kind.attacks):
        return cast.person(rng, line, but=customer), "human"
    voice = cast.machine([attack for attack in kind.attacks if attack != "human"], rng, line)
    return voice, voice.clips[0].system


def _speaks(kind: Calls, turn: int, at: int, takeover_at: int) -> bool:
    """Whether the impostor speaks in this turn; in a take-over at the latest in the last one."""
    if kind.label == "takeover":
        return at >= takeover_at or turn == kind.turns - 1
    return kind.label == "synthetic" or turn % 2 == 1


def _speak(tape: _Tape, channel: Channel, voice: _Voice, seconds: float, at: int, transcripts: bool) -> None:
    """Clip after clip until `seconds` have passed."""
    end, tape.at = at + int(seconds * RATE_HZ), at
    while tape.at < end:
        clip, audio = voice.say()
        tape.at = tape.put(channel, audio, tape.at)
        if transcripts and clip.text:
            tape.mark(type="transcript", channel=channel, text=clip.text)


def _ask(tape: _Tape, kind: Calls) -> None:
    if kind.says is not None:
        tape.mark(type="transcript", channel="caller", text=kind.says)
    if kind.action is None:
        return
    tape.mark(type="intent", action=kind.action, parameters=kind.parameters)
    if kind.digits is not None:
        tape.at += int(_KEYED_AFTER_S * RATE_HZ)
        if kind.digits != "<otp>":
            tape.at = tape.put("caller", mixing.tones(kind.digits))
        tape.mark(type="dtmf", digits=kind.digits)


def _caller_line(
    speech: Samples, line: Line, recipe: Recipe, codec: Any, rng: np.random.Generator
) -> Samples:
    noise_dbfs, loss = float(rng.uniform(*line.noise_dbfs)), float(rng.uniform(*line.packet_loss))
    audio = speech + mixing.line_noise(len(speech), noise_dbfs, rng)
    if rng.random() < line.background:
        noise = mixing.band(_read(recipe.noises[int(rng.integers(len(recipe.noises)))]))
        behind = float(np.mean(line.speech_dbfs) - rng.uniform(*line.background_snr_db))
        audio += mixing.looped(mixing.level(noise, behind), len(audio), rng)
    return mixing.lose_packets(apply(np.asarray(audio, dtype=np.float32), codec), loss, rng)


def _pause(kind: Calls, rng: np.random.Generator) -> int:
    return int(rng.uniform(*kind.pause_s) * RATE_HZ)


@cache
def _read(path: Path) -> Samples:
    try:
        return read_mono_8k(path)
    except AudioFileError as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
