"""One call as each platform words it on the wire: no sockets."""

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import Final

from voiceguard.ingest.platforms import PLATFORMS
from voiceguard.simulator.protocols.platform import Dialling, Line

LINES: Final[Mapping[str, Callable[[Dialling], Line]]] = {
    platform.name: resolve_name(f"{__name__}.{platform.simulator}") for platform in PLATFORMS.values()
}
"""Protocol to what makes a call's line."""
