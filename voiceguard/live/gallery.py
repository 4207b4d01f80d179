"""The voice gallery: voices of other calls that a caller's is compared with.

It is read when a call starts and added to when one ends.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from voiceguard.adapters.store.voices import Voices
from voiceguard.adapters.voice_index import VectorList, Without
from voiceguard.events import CallStarted, KnownVoices, Voice
from voiceguard.events.tenants import tenant_of
from voiceguard.privacy.consent import Kind, Standing
from voiceguard.settings import LinkingOptions

REFRESH_S = 60.0
"""Age that the lists in memory may reach: by then every process has what another one listed or erased."""
_HOUR_S = 3600.0
_EMPTY = VectorList(())


@dataclass
class VoiceGallery:
    """Lists of voices in memory, and the store behind them."""

    voices: Voices
    linking: LinkingOptions
    _watchlist: Mapping[str, VectorList] = field(default_factory=dict)
    """Of each tenant: no caller is compared with what another brand suspects."""
    _heard: Mapping[str, VectorList] = field(default_factory=dict)
    """Of each tenant."""
    _calls_of: dict[str, frozenset[str]] = field(default_factory=dict)
    """Customer to those of their calls whose voice is in `_heard`."""

    @property
    def is_linking(self) -> bool:
        """Whether voices of ended calls are kept to find the same voice under several customers."""
        return bool(self.linking.legal_basis)

    async def refresh(self, now: float) -> None:
        """Read the lists anew. Raises StoreError, and the old ones stay."""
        await self.voices.erase_due(now)
        # Building a long list takes a second, which no call's audio should wait for.
        self._watchlist = await asyncio.to_thread(_lists, await self.voices.listed_by_tenant(now))
        if not self.is_linking:
            return
        heard: dict[str, list[tuple[str, Voice]]] = defaultdict(list)
        calls_of: dict[str, set[str]] = defaultdict(set)
        for call_id, customer_ref, voice in await self.voices.heard(now):
            heard[tenant_of(call_id)].append((call_id, voice))
            calls_of[customer_ref].add(call_id)
        self._heard = await asyncio.to_thread(_lists, heard)
        self._calls_of = {customer: frozenset(calls) for customer, calls in calls_of.items()}

    async def known(self, started: CallStarted, agreed: Standing) -> tuple[KnownVoices, tuple[Kind, ...]]:
        """What the voice of this call is compared with, and what must not be for want of consent. Raises StoreError."""
        customer, tenant = started.customer_ref, tenant_of(started.call_id)
        refused, voiceprint = list[Kind](), None
        if customer is not None and agreed.allows("voiceprint", required=True):
            voiceprint = await self.voices.voiceprint(customer)
        elif customer is not None and await self.voices.is_enrolled(customer):
            refused.append("voiceprint")
        others = None
        if self.is_linking and customer and agreed.allows("heard_voice", required=False):
            others = Without(self._heard.get(tenant, _EMPTY), self._calls_of.get(customer, frozenset()))
        elif self.is_linking and customer:
            refused.append("heard_voice")
        return KnownVoices(voiceprint, self._watchlist.get(tenant, _EMPTY), others), tuple(refused)

    async def remember(self, started: CallStarted, voice: Voice, now: float, withdrawn: Collection[str] = ()) -> None:
        """Keep the voice of a call that ended, where linking is on and the caller did not object. Raises StoreError."""
        if self.is_linking and "link" not in withdrawn and started.customer_ref is not None:
            expires = now + self.linking.kept_h * _HOUR_S
            await self.voices.remember_heard(started.customer_ref, voice, call_id=started.call_id, expires=expires)


def _lists(entries: Mapping[str, list[tuple[str, Voice]]]) -> dict[str, VectorList]:
    return {tenant: VectorList(voices) for tenant, voices in entries.items()}
