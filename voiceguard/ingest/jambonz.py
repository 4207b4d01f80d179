"""What jambonz' verb `listen` says of a call and understands of us; see `voiceguard.ingest.fork`.

The first message holds the call's attributes, `sampleRate`, `mixType`, and the verb's `metadata` beside them, where
`customer_ref`, `consent` and `channels` may stand (jambonz-feature-server, lib/tasks/listen.js). Numbers and names of
the parties are in it too, and are not kept. Keys come with `passDtmf`. jambonz hands no JSON of ours on to its
application, which asks through the API, under the call's SID; an error ends the verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from voiceguard.ingest.fork import Dialect

SUBPROTOCOLS: Final = ("audio.jambonz.org",)


def _word(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "error", "data": dict(message)}] if message["type"] == "error" else []


JAMBONZ: Final = Dialect("callSid", frozenset({"callId", "accountSid", "applicationSid", "direction"}), _word)
