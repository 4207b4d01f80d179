"""Voices out of recordings [contract]: enrol a customer, put a fraudster on the watch list, look somebody up.

A recording goes through the same gate as a live call, and leaves the same audit trail: a call of its own, whose id
begins with `recording-`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from voiceguard.adapters.audio_files import read_caller
from voiceguard.adapters.models.detectors import Detectors
from voiceguard.adapters.store import Store, consents
from voiceguard.adapters.store.voices import Listing, Voices
from voiceguard.adapters.voice_index import VectorList
from voiceguard.analysis.replay.recording import take_voice
from voiceguard.detectors import speaker
from voiceguard.errors import VoiceguardError
from voiceguard.events import CallStarted, KnownVoices, VoiceAsked, VoiceTaken, as_record
from voiceguard.policy.rules import Policy
from voiceguard.settings import Settings


class VoiceRefusedError(VoiceguardError):
    """The recordings do not give a voice that may be kept; the text says why."""


@dataclass(frozen=True)
class Recorder:
    """Takes voices from recordings into the store."""

    store: Store
    settings: Settings
    policy: Policy
    detectors: Detectors

    @cached_property
    def voices(self) -> Voices:
        """The store's voices, as the encoder in use hears them."""
        return Voices(self.store.database, self.detectors.versions["speaker"])

    async def enrol(self, customer_ref: str, audio: Sequence[Path], *, consent: str, author: str) -> str:
        """Keep a customer's voice; returns the voiceprint's id.

        `consent`: where the customer's consent is on record. Raises AudioFileError, StoreError, and VoiceRefusedError
        with the reasons.
        """
        metadata = {"consent": consent}
        taken, call_id = await self._take("enrol", audio, author, customer_ref, metadata, ("voice_analysis", "enrol"))
        assert taken.voice is not None
        return await self.voices.enrol(customer_ref, taken.voice, call_id=call_id, author=author, now=time.time())

    async def put_on_watchlist(self, audio: Sequence[Path], listing: Listing, *, author: str) -> str:
        """Put the voice on the watch list; returns the entry's id. Raises as `enrol` does."""
        taken, call_id = await self._take("watchlist", audio, author, None, {}, ("voice_analysis",))
        assert taken.voice is not None
        return await self.voices.list_voice(
            taken.voice, listing, call_id=call_id, author=author, now=time.time()
        )

    async def search(self, audio: Sequence[Path], *, author: str) -> list[dict[str, Any]]:
        """Entries of the watch list that lie nearest: `entry_id`, `cosine`, `llr` of each by itself, and `listed_llr`
        of the list as a whole. Raises as `enrol` does."""
        taken, _ = await self._take("watchlist", audio, author, None, {}, ("voice_analysis",))
        assert taken.voice is not None
        voices = VectorList(await self.voices.listed(time.time()))
        found = voices.nearest(taken.voice.embedding)
        if not found:
            return []
        llrs = speaker.same_speaker_llr(
            [one.cosine for one in found], [one.net_speech_s for one in found], taken.voice.net_speech_s,
            self.detectors.calibrations.speaker,
        )
        whole = speaker.listed_llr(llrs, len(voices))
        return [
            {"entry_id": one.entry_id, "cosine": round(one.cosine, 4), "llr": round(float(llr), 4),
             "listed_llr": round(whole, 4)}
            for one, llr in zip(found, llrs, strict=True)
        ]

    async def _take(
        self, purpose: Literal["enrol", "watchlist"], audio: Sequence[Path], author: str, customer_ref: str | None,
        metadata: Mapping[str, str], consent: Sequence[str],
    ) -> tuple[VoiceTaken, str]:
        samples = np.concatenate([read_caller(path) for path in audio])
        call_id, now = f"recording-{secrets.token_hex(8)}", time.time()
        started = CallStarted(call_id, "l16", 8000, ("caller",), customer_ref, frozenset(consent), metadata)
        enrolled = None if customer_ref is None else await self.voices.voiceprint(customer_ref)
        known = KnownVoices(enrolled, VectorList(await self.voices.listed(now)))
        if purpose == "watchlist":
            known = KnownVoices()
        asked = VoiceAsked(purpose, author)
        taken, _ = take_voice(
            samples, started, asked, settings=self.settings, policy=self.policy, detectors=self.detectors, known=known,
            now=now,
        )
        reasons = [reason.code for reason in taken.refusals]
        await self.store.calls.append(call_id, [
            {"kind": "started", "at": now, **as_record(started)},
            *({"at": now, **consents.given(
                one, source="command_line", wording=metadata.get("consent", ""), author=author
            )} for one in consent if purpose == "enrol"),
            {"kind": "voice_taken", "at": now, **as_record(asked), "at_s": taken.at_s, "refusals": reasons},
            {"kind": "ended", "at": time.time(), "reason": "stopped"},
        ])
        if taken.refusals:
            raise VoiceRefusedError(" ".join(reason.text for reason in taken.refusals))
        return taken, call_id
