"""Which live calls this worker holds, as the database tells every worker, and how a call changes hands."""

from __future__ import annotations

from collections.abc import Collection, Set

import structlog

from voiceguard.adapters.bus import BusError
from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.errors import PeerError
from voiceguard.events import CallStarted
from voiceguard.live.context import LiveContext

RELEASE = "release"
"""The question to the worker that holds a call: let it go to the asker."""
CLAIMED = "claimed"
"""The notice that a worker took a call: what others keep of its end is out of date."""

log = structlog.get_logger()


class Claims:
    """Claims of this worker. A store that cannot be asked leaves a call unclaimed until `keep` succeeds."""

    def __init__(self, context: LiveContext) -> None:
        self._context = context
        self._taking: set[str] = set()

    async def take(self, started: CallStarted, owner: str) -> None:
        """Claim a call, from the living worker that holds it where there is one.

        Raises PeerError for a call of another owner or customer, and when its worker does not answer.
        """
        context, call_id = self._context, started.call_id
        worker = context.bus.worker
        self._taking.add(call_id)
        try:
            holder = await context.store.workers.claim(call_id, worker, context.now())
            if holder is not None:
                asked = {"call_id": call_id, "owner": owner, "customer_ref": started.customer_ref}
                refusal = await context.bus.ask(holder, RELEASE, asked, context.settings.decision_timeout_s)
                if refusal is not None:
                    raise PeerError(refusal["code"], refusal["text"])
                holder = await context.store.workers.claim(call_id, worker, context.now())
        except StoreError as error:
            context.metrics.store_errors.inc()
            log.warning("a call is not claimed yet", call_id=call_id, **described(error))
            return
        except BusError as error:
            log.warning("a call's worker does not answer", call_id=call_id, **described(error))
            raise PeerError("call_exists", "the worker that holds this call does not answer", close_code=1013) from None
        finally:
            self._taking.discard(call_id)
        if holder is not None:
            raise PeerError("call_exists", "another worker holds this call", close_code=1013)
        context.bus.publish(CLAIMED, {"call_id": call_id})

    async def keep(self, live: Set[str]) -> Collection[str]:
        """Say that this worker lives, claim what is unclaimed and release what is over.

        Returns the live calls that another worker holds. Raises StoreError.
        """
        workers, worker, now = self._context.store.workers, self._context.bus.worker, self._context.now()
        await workers.beat(worker, now)
        before = frozenset(live)
        held = await workers.held(worker)
        for call_id in held - live - self._taking:
            await workers.release(call_id, worker)
        return [
            call_id for call_id in before - held
            if call_id in live and await workers.claim(call_id, worker, now) is not None
        ]
