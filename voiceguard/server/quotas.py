"""How many actions one key, and all keys of one tenant, may ask for in a minute, at one worker."""

from __future__ import annotations

import math

from voiceguard.errors import PeerError
from voiceguard.server.bucket import Bucket
from voiceguard.settings import LimitOptions

MINUTE_S = 60.0


class TooManyActions(PeerError):
    """The quota is used up; `retry_s`: whole seconds until the next action may be asked for."""

    def __init__(self, whose: str, most: int, retry_s: int) -> None:
        super().__init__(
            "too_many_actions", f"this {whose} may ask for {most} actions a minute: try again in {retry_s} s",
            fatal=False,
        )
        self.retry_s = retry_s


class ActionQuotas:
    """Of one process. `now`: seconds of a clock that does not go back."""

    def __init__(self, limits: LimitOptions) -> None:
        self._most = {"key": limits.actions_per_minute, "tenant": limits.tenant_actions_per_minute}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def ask(self, key: str, tenant: str, now: float) -> None:
        """Count one action. Raises TooManyActions, and counts nothing.

        `key`: the name of the key, of the person, or of the door of a platform that has no key of ours.
        """
        asked = []
        for whose, name in (("key", key), ("tenant", tenant)):
            most = self._most[whose]
            if most is None:
                continue
            bucket = self._buckets.setdefault((whose, name), Bucket(most, most / MINUTE_S, now))
            if wait_s := bucket.wait_s(1.0, now):
                raise TooManyActions(whose, most, math.ceil(wait_s))
            asked.append(bucket)
        for bucket in asked:
            bucket.take(1.0, now)
