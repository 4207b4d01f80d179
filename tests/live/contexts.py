"""A live context whose store, keys and call are scripted."""

from __future__ import annotations

from typing import Any

from tests.server.builders import ScriptedCore, ScriptedDelivery, ScriptedKeys, ScriptedStore, ScriptedVoices
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.adapters.policy_files import read_policy
from voiceguard.live.context import LiveContext
from voiceguard.live.gallery import VoiceGallery
from voiceguard.settings import LinkingOptions, Settings


def context(**changes: Any) -> LiveContext:
    """A context; `changes` stand in for its scripted parts."""
    log: list[tuple[str, Any]] = []
    parts: dict[str, Any] = {
        "settings": Settings(resume_s=0.0), "store": ScriptedStore(log), "scheduler": Scheduler({}),
        "keys": ScriptedKeys(), "seal": None,
        "deliver": ScriptedDelivery(log).deliver, "new_call": lambda *_: ScriptedCore({}),
        "models": {"synthetic": "m@0"}, "rules": read_policy(None), "now": lambda: 100.0,
        "voices": VoiceGallery(ScriptedVoices(), LinkingOptions()),  # type: ignore[arg-type]
    }
    return LiveContext(**(parts | changes))
