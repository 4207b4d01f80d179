"""People, their sessions and their wrong guesses in the store. What they do is recorded in a chain of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, delete, false, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains
from voiceguard.adapters.store.database import Database, StoreError, put
from voiceguard.adapters.store.tables import attempts, chain_heads, people, recovery_codes, sessions
from voiceguard.events.tenants import DEFAULT

CHAIN: Final = "~people"
"""The chain of what concerns no call: people, keys and sign-ins. No call can have this id."""
_FORGET_S: Final = 86400.0
"""Wrong guesses are forgotten this long after the last one."""


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    name: str
    roles: frozenset[str]
    password_hash: str | None = field(repr=False)
    totp_secret: str | None = field(repr=False)
    """Base32; kept encrypted."""
    last_totp_step: int
    disabled: bool
    issuer: str | None
    """Of the identity provider that vouches for this person; such a person has no password here."""


@dataclass(frozen=True)
class Session:
    """One sign-in."""

    person: str
    roles: frozenset[str]
    method: str
    """totp, recovery_code or oidc."""
    created_at: float
    seen_at: float
    tenant: str | None = None
    """Whose calls the person sees; None: those of all tenants."""


class Users:
    """Keeps who may sign in; `Store.users`. Times are Unix seconds; `by` says who did it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ── who there is ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def add(
        self, name: str, roles: Iterable[str], *, setup: str, expires: float, by: str, now: float,
        tenant: str | None = None,
    ) -> bool:
        """Make a person who sets up password and authenticator with the token of digest `setup`; False when the name
        is taken. `tenant`: whose calls the person sees; None: those of all."""
        async with self._database.write("add a person") as connection:
            known = await connection.execute(select(people.c.name).where(people.c.name == name))
            if known.one_or_none() is not None:
                return False
            await connection.execute(insert(people).values(
                name=name, roles=_joined(roles), last_totp_step=-1, created_at=now,
                setup_sha256=setup, setup_expires=expires, tenant=tenant,
            ))
            await record_act(
                connection, now, "person_added", name=name, roles=sorted(roles), tenant=tenant, by=by
            )
        return True

    async def reset(self, name: str, *, setup: str, expires: float, by: str, now: float) -> bool:
        """Take password, authenticator, recovery codes and sessions away, and let the person set up anew; False for an
        unknown one. Lifts a disablement too."""
        async with self._database.write("reset a person") as connection:
            changed = await connection.execute(update(people).where(people.c.name == name).values(
                password_hash=None, totp_secret=None, disabled_at=None, setup_sha256=setup, setup_expires=expires
            ))
            if changed.rowcount:
                await connection.execute(delete(recovery_codes).where(recovery_codes.c.person == name))
                await connection.execute(delete(sessions).where(sessions.c.person == name))
                await connection.execute(delete(attempts).where(attempts.c.key == f"name:{name}"))
                await record_act(connection, now, "person_reset", name=name, by=by)
        return changed.rowcount > 0

    async def change_roles(self, name: str, roles: Iterable[str], *, by: str, now: float) -> bool:
        """Give a person these roles and no others, in open sessions too; False for an unknown one."""
        async with self._database.write("change a person's roles") as connection:
            changed = await connection.execute(
                update(people).where(people.c.name == name).values(roles=_joined(roles))
            )
            if changed.rowcount:
                await record_act(connection, now, "person_roles", name=name, roles=sorted(roles), by=by)
        return changed.rowcount > 0

    async def disable(self, name: str, *, by: str, now: float) -> bool:
        """Keep a person out and end the open sessions; False for an unknown one."""
        async with self._database.write("disable a person") as connection:
            changed = await connection.execute(update(people).where(people.c.name == name).values(
                disabled_at=now, setup_sha256=None
            ))
            if changed.rowcount:
                await connection.execute(delete(sessions).where(sessions.c.person == name))
                await record_act(connection, now, "person_disabled", name=name, by=by)
        return changed.rowcount > 0

    async def find(self, name: str) -> Person | None:
        """A person by name; None for an unknown one."""
        async with self._database.read("look a person up") as connection:
            row = (await connection.execute(select(people).where(people.c.name == name))).one_or_none()
        return None if row is None else self._person(row)

    async def list(self, tenant: str | None = None) -> list[dict[str, Any]]:
        """Everybody of a tenant, or of all, by name; who sees all tenants is told with the default one: `name`,
        `roles`, `created_at`, `disabled_at`, `signed_in_at`, `issuer`, `is_set_up`, `tenant`."""
        query = select(people).order_by(people.c.name)
        if tenant is not None:
            everywhere = people.c.tenant.is_(None) if tenant == DEFAULT else false()
            query = query.where(or_(people.c.tenant == tenant, everywhere))
        async with self._database.read("list people") as connection:
            rows = (await connection.execute(query)).all()
        return [{
            "name": row.name, "roles": row.roles.split(), "created_at": row.created_at,
            "disabled_at": row.disabled_at, "signed_in_at": row.signed_in_at, "issuer": row.issuer,
            "is_set_up": row.issuer is not None or row.password_hash is not None, "tenant": row.tenant,
        } for row in rows]

    # ── setting up ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def begin_set_up(self, setup: str, *, new_secret: str, now: float) -> Person | None:
        """Who holds this set-up token, with this authenticator's secret in the place of any before, so that whoever
        looked earlier holds none that counts; None when nobody holds the token any more."""
        sealed = self._database.cipher.encrypt(new_secret.encode()).decode()
        async with self._database.write("begin a set-up") as connection:
            row = (await connection.execute(
                update(people).where(*_set_up_by(setup, now)).values(totp_secret=sealed).returning(people)
            )).one_or_none()
        return None if row is None else self._person(row)

    async def setting_up(self, setup: str, now: float) -> Person | None:
        """Who holds this set-up token; None when nobody does any more."""
        async with self._database.read("look a set-up up") as connection:
            row = (await connection.execute(select(people).where(*_set_up_by(setup, now)))).one_or_none()
        return None if row is None else self._person(row)

    async def set_up(
        self, setup: str, *, secret: str | None, password_hash: str, totp_step: int, codes: Iterable[str], now: float
    ) -> bool:
        """Keep password and recovery codes (their digests), and end the set-up token; False when it has ended, or when
        the authenticator's secret is another than `secret`, which the code proved."""
        async with self._database.write("set a person up") as connection:
            found = (await connection.execute(select(people).where(people.c.setup_sha256 == setup))).one_or_none()
            if found is None or self._person(found).totp_secret != secret:
                return False
            changed = (await connection.execute(
                update(people).where(people.c.setup_sha256 == setup, people.c.setup_expires > now)
                .values(password_hash=password_hash, last_totp_step=totp_step, setup_sha256=None)
                .returning(people.c.name)
            )).one_or_none()
            if changed is None:
                return False
            await connection.execute(delete(recovery_codes).where(recovery_codes.c.person == changed.name))
            await connection.execute(
                insert(recovery_codes), [{"person": changed.name, "sha256": code} for code in codes]
            )
            await record_act(connection, now, "person_set_up", name=changed.name)
        return True

    # ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def spend_totp_step(self, name: str, step: int) -> bool:
        """Move the last accepted RFC 6238 step on; False when it is there already, for a code is good once."""
        async with self._database.write("use a code") as connection:
            moved = await connection.execute(update(people).where(
                people.c.name == name, people.c.last_totp_step < step
            ).values(last_totp_step=step))
        return moved.rowcount == 1

    async def spend_recovery_code(self, name: str, digest: str, now: float) -> bool:
        """Use a recovery code up; False when it is none, or was used."""
        async with self._database.write("use a recovery code") as connection:
            spent = await connection.execute(delete(recovery_codes).where(
                recovery_codes.c.person == name, recovery_codes.c.sha256 == digest
            ))
            if spent.rowcount:
                await record_act(connection, now, "recovery_code_used", name=name)
        return spent.rowcount == 1

    async def change_password_hash(self, name: str, password_hash: str) -> None:
        """Keep the same password hashed by newer parameters."""
        async with self._database.write("keep a password") as connection:
            await connection.execute(
                update(people).where(people.c.name == name).values(password_hash=password_hash)
            )

    async def vouched(
        self, name: str, roles: Iterable[str], *, issuer: str, subject: str, now: float
    ) -> str | None:
        """The person whom a provider knows as `subject`, made at the first sign-in and with the roles that it gives
        now; None for one who is disabled here, or whose name somebody else has."""
        async with self._database.write("keep a vouched-for person") as connection:
            row = (await connection.execute(
                select(people).where(people.c.issuer == issuer, people.c.subject == subject)
            )).one_or_none()
            if row is not None:
                if row.disabled_at is not None:
                    return None
                if set(row.roles.split()) != set(roles):
                    await connection.execute(
                        update(people).where(people.c.name == row.name).values(roles=_joined(roles))
                    )
                    await record_act(connection, now, "person_roles", name=row.name, roles=sorted(roles), by=issuer)
                return str(row.name)
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(people).values(
                        name=name, roles=_joined(roles), last_totp_step=-1, created_at=now, issuer=issuer,
                        subject=subject,
                    ))
            except IntegrityError:
                return None
            await record_act(connection, now, "person_added", name=name, roles=sorted(roles), by=issuer)
        return name

    async def open_session(self, name: str, digest: str, method: str, now: float) -> None:
        """Begin a session whose token has this digest."""
        async with self._database.write("begin a session") as connection:
            await connection.execute(
                insert(sessions).values(sha256=digest, person=name, method=method, created_at=now, seen_at=now)
            )
            await connection.execute(update(people).where(people.c.name == name).values(signed_in_at=now))
            await record_act(connection, now, "signed_in", name=name, method=method)

    async def session(self, digest: str) -> Session | None:
        """The session of this token with the person's present roles; None for none, or a disabled person's."""
        return (await self.sessions([digest])).get(digest)

    async def sessions(self, digests: Collection[str]) -> dict[str, Session]:
        """The same for several tokens, by digest."""
        query = select(sessions, people.c.roles, people.c.tenant).join(people).where(
            sessions.c.sha256.in_(digests), people.c.disabled_at.is_(None)
        )
        async with self._database.read("look sessions up") as connection:
            rows = (await connection.execute(query)).all()
        return {
            row.sha256: Session(
                row.person, frozenset(row.roles.split()), row.method, row.created_at, row.seen_at, row.tenant
            )
            for row in rows
        }

    async def touch(self, digest: str, now: float) -> None:
        """The person did something."""
        async with self._database.write("keep a session") as connection:
            await connection.execute(update(sessions).where(sessions.c.sha256 == digest).values(seen_at=now))

    async def close_session(self, digest: str, now: float) -> None:
        """End a session, if it is there."""
        async with self._database.write("end a session") as connection:
            ended = (await connection.execute(
                delete(sessions).where(sessions.c.sha256 == digest).returning(sessions.c.person)
            )).one_or_none()
            if ended is not None:
                await record_act(connection, now, "signed_out", name=ended.person)

    async def forget_sessions(self, *, created_before: float, seen_before: float) -> None:
        """Delete what ended by itself."""
        async with self._database.write("forget sessions") as connection:
            await connection.execute(delete(sessions).where(
                or_(sessions.c.created_at < created_before, sessions.c.seen_at < seen_before)
            ))

    # ── wrong guesses ────────────────────────────────────────────────────────────────────────────────────────────────

    async def try_once(self, waits: Mapping[str, Callable[[int], float]], now: float) -> float:
        """Count a guess, before it is looked at, so that many at once are no way round; seconds to wait instead when
        one of the keys is blocked.

        `waits`: key to the seconds for which so many guesses in a row block it.
        """
        async with self._database.write("count a guess") as connection:
            await connection.execute(delete(attempts).where(attempts.c.at < now - _FORGET_S))
            found = await connection.execute(
                select(attempts).where(attempts.c.key.in_(list(waits))).with_for_update()
            )
            rows = {row.key: row for row in found}
            wait = max((row.until - now for row in rows.values()), default=0.0)
            if wait > 0:
                return float(wait)
            for key, blocks in waits.items():
                failures = rows[key].failures + 1 if key in rows else 1
                await put(connection, attempts, {"key": key}, {
                    "failures": failures, "at": now, "until": now + blocks(failures),
                })
        return 0.0

    async def was_wrong(
        self, keys: Iterable[str], now: float, due: Callable[[str, float], int | None]
    ) -> None:
        """Record it where the guess was one too many, and a record is due: how many there were without one, or None."""
        blocked = select(attempts).where(attempts.c.key.in_(list(keys)), attempts.c.until > now)
        async with self._database.write("record wrong guesses") as connection:
            rows = (await connection.execute(blocked)).all()
            unrecorded = due("guesses_blocked", now) if rows else None
            for row in rows if unrecorded is not None else ():
                await record_act(
                    connection, now, "guesses_blocked", key=row.key, tries=row.failures, seconds=row.until - now,
                    unrecorded=unrecorded,
                )

    async def was_right(self, own: Iterable[str], shared: Iterable[str]) -> None:
        """The guess was none: the counts of one's own end, and those shared with others are what they were before."""
        async with self._database.write("count a sign-in") as connection:
            await connection.execute(delete(attempts).where(attempts.c.key.in_(list(own))))
            await connection.execute(update(attempts).where(attempts.c.key.in_(list(shared))).values(
                failures=attempts.c.failures - 1, until=0.0
            ))

    # ── the chain ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def note(self, kind: str, now: float, **facts: Any) -> None:
        """Record something that concerns no call."""
        async with self._database.write("record an act") as connection:
            await record_act(connection, now, kind, **facts)

    def _person(self, row: Any) -> Person:
        try:
            sealed = row.totp_secret
            secret = None if sealed is None else self._database.cipher.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise StoreError("a person's secret was encrypted with another key, or was changed") from None
        return Person(
            row.name, frozenset(row.roles.split()), row.password_hash, secret, row.last_totp_step,
            row.disabled_at is not None, row.issuer,
        )


def _set_up_by(setup: str, now: float) -> tuple[ColumnElement[bool], ...]:
    return people.c.setup_sha256 == setup, people.c.setup_expires > now, people.c.disabled_at.is_(None)


def _joined(roles: Iterable[str]) -> str:
    return " ".join(sorted(set(roles)))


async def record_act(connection: AsyncConnection, now: float, kind: str, **facts: Any) -> None:
    """Put a record that concerns no call on the end of its chain."""
    records: list[Mapping[str, Any]] = [{"kind": kind, "at": now, **facts}]
    begun = await connection.execute(select(chain_heads.c.chain).where(chain_heads.c.chain == CHAIN))
    if begun.one_or_none() is None:
        records.insert(0, {"kind": "started", "at": now, "call_id": CHAIN})
    await chains.append(connection, CHAIN, records)
