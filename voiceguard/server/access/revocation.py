"""What holds a connection open: the key or the session that opened it, as long as it would open it again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from voiceguard.server.access.principal import Principal
from voiceguard.server.access.rules import ROUTES, may
from voiceguard.server.access.sessions import signed_in_as
from voiceguard.server.connections import Opened
from voiceguard.server.context import WebContext


def closed_on_revocation(
    service: WebContext, who: Principal, route: tuple[str, str], end: Callable[[], None]
) -> AbstractContextManager[None]:
    """While this is entered, `end` is called once the principal's key is revoked, has expired or is bound otherwise, or
    the person's session is over or has other roles."""
    session = who.session
    if session is not None:
        return service.connections.watched(Opened(
            session.digest, None, lambda found: signed_in_as(service, found, session.digest, session.csrf) == session,
            end,
        ))
    return service.connections.watched(Opened(
        who.digest, lambda found: found.terms == who.terms and may(ROUTES[route], found.scopes, ()), None, end
    ))
