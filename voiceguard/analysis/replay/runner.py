"""A whole call set through one engine, resumable: every result lies in a file named by the hash of all that made it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from pydantic import ValidationError

import voiceguard
from voiceguard.adapters.audio_files import read_caller
from voiceguard.adapters.models.detectors import Detectors, load_detectors
from voiceguard.adapters.voice_index import VectorList
from voiceguard.analysis.callsets.callset import LabelledCall
from voiceguard.analysis.replay.driver import STARTED_AT, replay
from voiceguard.analysis.replay.engines import ENGINES, EngineName
from voiceguard.analysis.replay.recording import take_voice
from voiceguard.analysis.results import CallResult
from voiceguard.audit.record import canonical
from voiceguard.errors import AudioFileError, ConfigurationError, ModelError
from voiceguard.events import RATE_HZ, CallStarted, KnownVoices, Voice, VoiceAsked
from voiceguard.policy.rules import load
from voiceguard.settings import Settings

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Bench:
    """What calls are replayed with."""

    settings: Settings
    policies: tuple[str, ...]
    """Texts of the policies."""
    versions: tuple[str, ...]
    """`<name>@<sha256-12>` of every model."""
    listed: tuple[Path, ...] = ()
    """Recordings of fraudsters who are on the watch list."""

    def run(
        self, calls: Sequence[LabelledCall], work: Path, *, engine: EngineName = "local", jobs: int | None = None,
        done: Callable[[int], None] = lambda count: None,
    ) -> Iterator[tuple[LabelledCall, CallResult]]:
        """Every call with its result, in the order of the set. `done` hears how many more are finished.

        Results lie in `work`; what is there already is not made again. Raises EngineError when the workers are lost.
        """
        work.mkdir(parents=True, exist_ok=True)
        keys = {call.call_id: self.key(call) for call in calls}
        missing = [call for call in calls if _read(work / f"{keys[call.call_id]}.json") is None]
        done(len(calls) - len(missing))
        for result in ENGINES[engine](partial(_Worker, self.settings, self.policies, self.listed), missing, jobs):
            _write(work / f"{keys[result.call_id]}.json", result)
            done(1)
        for call in calls:
            kept = _read(work / f"{keys[call.call_id]}.json")
            assert kept is not None
            yield call, kept

    def key(self, call: LabelledCall) -> str:
        """SHA-256, hex, over the call's line, its audio, all that the bench has, and this package's own code."""
        names = ("speech", "risk", "require_consent", "enrolment")
        return hashlib.sha256(canonical({
            "call": call.model_dump(mode="json", exclude={"audio"}), "audio": _digest(call.audio),
            "policies": list(self.policies), "models": list(self.versions), "code": code_version(),
            "listed": [_digest(path) for path in self.listed],
            "settings": self.settings.model_dump(mode="json", include=set(names)),
        })).hexdigest()


class _Worker:
    """Lives in one process, with the models of its own."""

    def __init__(self, settings: Settings, policies: Sequence[str], listed: Sequence[Path]) -> None:
        self._settings = settings
        self._detectors: Detectors = load_detectors(settings)
        self._policies = [load(text) for text in policies]
        voices = [(path.name, self._voice(path)) for path in listed]
        self._known = KnownVoices(watchlist=VectorList(voices)) if voices else KnownVoices()

    def __call__(self, call: LabelledCall) -> CallResult:
        return replay(call, self._policies, settings=self._settings, detectors=self._detectors, known=self._known)

    def _voice(self, path: Path) -> Voice:
        """A fraudster's, through the same gate as on the way to the live watch list."""
        started = CallStarted(path.name, "l16", RATE_HZ, ("caller",), consent=frozenset({"voice_analysis"}))
        try:
            taken, _ = take_voice(
                read_caller(path), started, VoiceAsked("watchlist", "replay"), settings=self._settings,
                policy=self._policies[0], detectors=self._detectors, known=KnownVoices(), now=STARTED_AT,
            )
        except (AudioFileError, ModelError) as error:
            raise ConfigurationError(f"{path.name}: {error}") from error
        if taken.voice is None:
            raise ConfigurationError(f"{path.name}: {' '.join(reason.text for reason in taken.refusals)}")
        return taken.voice


@cache
def code_version() -> str:
    """SHA-256, hex, of every Python file of this package: another version may decide otherwise."""
    folder = Path(voiceguard.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\x00" + path.read_bytes() + b"\x00")
    return digest.hexdigest()


def _digest(path: Path) -> str:
    """SHA-256, hex, of a file; what is wrong with one that cannot be read, so that it is tried again once it can."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError) as error:
        return type(error).__name__
    return digest.hexdigest()


def _read(path: Path) -> CallResult | None:
    """A kept result; None where there is none, or only part of one."""
    try:
        return CallResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(path: Path, result: CallResult) -> None:
    """The whole file or none: a replay may be killed while it writes."""
    partly = path.with_suffix(".part")
    partly.write_text(result.model_dump_json(), encoding="utf-8")
    partly.replace(path)
