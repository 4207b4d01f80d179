"""Fields of AudioHook's messages: what every message has, and what `open` says; each function raises PeerError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from voiceguard.errors import PeerError
from voiceguard.events import RATE_HZ, Channel, Encoding
from voiceguard.ingest.fields import Beside, bad, beside, mapping, matching

UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
NULL_UUID: Final = "00000000-0000-0000-0000-000000000000"
CHANNELS: Final[Mapping[str, Channel]] = {"external": "caller", "internal": "agent"}
FORMATS: Final[Mapping[str, Encoding]] = {"PCMU": "pcmu", "L16": "l16"}
BYTES_PER_SAMPLE: Final[Mapping[str, int]] = {"PCMU": 1, "L16": 2}
_DURATION = re.compile(r"PT(?=\.?[0-9])([0-9]{0,9})(?:\.([0-9]{1,12}))?S")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")


@dataclass(frozen=True, slots=True)
class Message:
    """What every message of a client has."""

    kind: str
    session_id: str
    seq: int
    """1 for the first message, and one more for each."""
    serverseq: int
    """`seq` of the last message of ours that the client had got."""
    position_samples: int
    """Where in the stream the client was, in samples."""
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """`open`: who calls, and which media the client can send."""

    organization_id: str
    conversation_id: str
    participant_id: str
    offered: tuple[dict[str, Any], ...]
    """Media that we can take, as they were offered."""
    wants_languages: bool
    """Whether the client asks which languages we transcribe."""
    beside: Beside
    """The customer, the consent, and the language as metadata."""

    @property
    def is_probe(self) -> bool:
        """Whether this only tries the connection out, as when an integration is switched on: no call behind it."""
        return NULL_UUID in (self.conversation_id, self.participant_id)

    def chosen(self) -> dict[str, Any] | None:
        """The medium to take: one with the caller, of those the one with the fewest channels, mu-law before linear.

        None where the caller is in none of them: then nobody has to send anything.
        """
        caller = [media for media in self.offered if "external" in media["channels"]]
        return min(caller, key=lambda media: (len(media["channels"]), media["format"] != "PCMU"), default=None)


def read_message(message: Mapping[str, Any]) -> Message:
    """The fields that every message has."""
    if message.get("version") != "2":
        raise bad("version")
    kind = message.get("type")
    if not isinstance(kind, str):
        raise bad("type")
    return Message(
        kind, matching(message, "id", UUID), _whole(message, "seq"), _whole(message, "serverseq"),
        samples(message, "position"), mapping(message, "parameters"),
    )


def read_open(parameters: Mapping[str, Any]) -> Opening:
    """The parameters of `open`. The customer's reference and consent come from `inputVariables`, which an Architect
    flow fills in for each call, or from `customConfig`, which is the integration's own; both may be JSON in a string.

    Raises PeerError("unsupported_media") when media are offered and we can take none.
    """
    participant = mapping(parameters, "participant")
    said = [_object(parameters, name) for name in ("customConfig", "inputVariables")]
    known = {name: value for one in said for name, value in (one or {}).items() if name in ("customer_ref", "consent")}
    language = parameters.get("language")
    is_language = isinstance(language, str) and _LANGUAGE.fullmatch(language) is not None
    return Opening(
        matching(parameters, "organizationId", UUID), matching(parameters, "conversationId", UUID),
        matching(participant, "id", UUID), _media(parameters), parameters.get("supportedLanguages") is True,
        beside(known)._replace(
            metadata={"language": str(language)} if is_language else {},
            passed_over=said.count(None) + (language is not None and not is_language),
        ),
    )


def samples(values: Mapping[str, Any], name: str) -> int:
    """A duration, `PT<seconds>S`, in samples: below 2^43."""
    value = values.get(name)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise bad(name)
    seconds, fraction = match[1] or "0", match[2] or "0"
    scale: int = 10 ** len(fraction)
    return int(seconds) * RATE_HZ + (int(fraction) * RATE_HZ + scale // 2) // scale


def written(position_samples: int) -> str:
    """A number of samples as a duration."""
    return f"PT{position_samples / RATE_HZ:.4f}S"


def _whole(message: Mapping[str, Any], name: str) -> int:
    value = message.get(name)
    if type(value) is not int or not 0 <= value < 2**53:
        raise bad(name)
    return value


def _object(parameters: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """An object that may be left out, or be written as JSON; None for anything else."""
    value = parameters.get(name) or {}
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value if isinstance(value, dict) else None


def _media(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Offered media of a kind that we know; a later edition of the protocol may offer more."""
    offered = parameters.get("media")
    if not isinstance(offered, list) or not all(isinstance(media, dict) for media in offered):
        raise bad("media")
    known = tuple(media for media in offered if _is_known(media))
    if offered and not known:
        raise PeerError("unsupported_media", "media must be PCMU or L16, 8000 Hz, one or two channels", close_code=1003)
    return known


def _is_known(media: Mapping[str, Any]) -> bool:
    channels = media.get("channels")
    return (
        media.get("type") == "audio" and isinstance(media.get("format"), str) and media["format"] in FORMATS
        and media.get("rate") == RATE_HZ and isinstance(channels, list) and 1 <= len(channels) <= len(CHANNELS)
        and all(isinstance(name, str) and name in CHANNELS for name in channels)
        and len(set(channels)) == len(channels)
    )
