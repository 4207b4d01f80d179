"""One form of text for screening: invisible signs gone, look-alike letters folded, what was encoded once decoded."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from confusable_homoglyphs.confusables import confusables_data

_FOLDED: Final = tuple(zip(
    "аеорсухіјѕԁһкмтвнАВЕКМНОРСТХІЈЅαοερικτυνıɪɢɴʀʏʟʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱ“”„‘",
    "aeopcyxijsdhkmtbhABEKMHOPCTXIJSaoepiktuviignrylbhacdejkmoptuvwzfs\"\"\"'",
    strict=True,
))
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_TAGS: Final = range(0xE0020, 0xE007F)
_BASE64: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![\w+/=-])")
_HEX: Final = re.compile(r"(?<!\w)(?:0x)?((?:[0-9a-fA-F]{2}[ :]?){8,})(?!\w)")
_MAX_DECODED = 40


def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for sign, alike in confusables_data.items():
        letters = [one["c"] for one in alike if len(one["c"]) == 1 and one["c"].isascii() and one["c"].isalpha()]
        if len(sign) == 1 and not sign.isascii() and letters:
            table[ord(sign)] = letters[0]
    return table | {ord(sign): letter for sign, letter in _FOLDED}


_LOOKALIKES: Final = _table()


def one_form(text: str) -> str:
    """The text in NFKD with neither invisible signs nor accents, and every look-alike as the Latin letter."""
    shown = (sign for sign in unicodedata.normalize("NFKD", text) if unicodedata.category(sign) not in _INVISIBLE)
    return "".join(shown).translate(_LOOKALIKES)


def decoded(text: str) -> str:
    """What the text carries in tag characters, percent signs, base64 or hexadecimal digits, decoded once; or ''."""
    hidden = "".join(chr(ord(sign) - 0xE0000) for sign in text if ord(sign) in _TAGS)
    found = [hidden, unquote(text) if "%" in text else ""]
    found += [_as_text(_unbase64(match[0])) for match in _first(_BASE64, text)]
    found += [_as_text(_unhex(match[1])) for match in _first(_HEX, text)]
    return "\n".join(filter(None, found))


def _first(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return [match for _, match in zip(range(_MAX_DECODED), pattern.finditer(text), strict=False)]


def _unbase64(token: str) -> bytes:
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unhex(token: str) -> bytes:
    return bytes.fromhex(re.sub(r"[ :]", "", token))


def _as_text(raw: bytes) -> str:
    """The bytes as text where they are readable, else ''."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if sum(sign.isprintable() or sign.isspace() for sign in text) == len(text) else ""
