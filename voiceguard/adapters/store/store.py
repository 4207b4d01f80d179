"""The store: what must outlive a call, in one database. Each attribute of `Store` is one subject.

Every method that writes is one transaction, and every fault of the database becomes a StoreError whose text holds no
value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voiceguard.adapters.store.api_keys import ApiKeys
from voiceguard.adapters.store.audit import Audit
from voiceguard.adapters.store.calls import Calls
from voiceguard.adapters.store.consents import Consents
from voiceguard.adapters.store.customers import Customers
from voiceguard.adapters.store.database import Cipher, Database, connect, connect_read_only
from voiceguard.adapters.store.decisions import Decisions
from voiceguard.adapters.store.labels import Labels
from voiceguard.adapters.store.nonces import Nonces
from voiceguard.adapters.store.outbox import Outbox
from voiceguard.adapters.store.outcomes import Outcomes
from voiceguard.adapters.store.registrations import Registrations
from voiceguard.adapters.store.retention import Retention
from voiceguard.adapters.store.users import Users
from voiceguard.adapters.store.uses import Uses
from voiceguard.adapters.store.webhooks import Webhooks
from voiceguard.adapters.store.workers import Workers


class Store:
    """Use `open`.

    Voices need an encoder's name besides: see `voiceguard.adapters.store.voices.Voices`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls = Calls(database)
        self.consents = Consents(database)
        self.retention = Retention(database)
        self.decisions = Decisions(database)
        self.audit = Audit(database)
        self.customers = Customers(database)
        self.nonces = Nonces(database)
        self.labels = Labels(database)
        self.users = Users(database)
        self.uses = Uses(database)
        self.api_keys = ApiKeys(database)
        self.registrations = Registrations(database)
        self.workers = Workers(database)
        self.webhooks = Webhooks(database)
        self.outbox = Outbox(database)
        self.outcomes = Outcomes(database)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, cipher: Cipher | None = None) -> AsyncIterator[Store]:
        """Connect, bring the tables up to date, and close in the end. `cipher` encrypts secrets, notes and voices;
        without one, the methods that need it raise StoreError.

        Raises ConfigurationError for a URL that cannot be used, StoreError when the database cannot be.
        """
        async with connect(url) as engine:
            yield cls(Database(engine, cipher))

    @classmethod
    @asynccontextmanager
    async def read(cls, url: str, cipher: Cipher | None = None) -> AsyncIterator[Store]:
        """As `open`, for reading alone: nothing is made, and no table is brought up to date.

        Raises NothingThere where there is no database or it is empty.
        """
        async with connect_read_only(url) as engine:
            yield cls(Database(engine, cipher))
