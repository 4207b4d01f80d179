"""Verifies a whole installation as it lies on the disk: keys, marks and database. Nothing is made or changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from voiceguard.adapters.audit_marks import ForeignMark, Marks
from voiceguard.adapters.keys import RETIRED, Keys
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.audit import Verified
from voiceguard.adapters.store.audit_check import mark_text
from voiceguard.audit.chain import Fault
from voiceguard.audit.checkpoint import Mark
from voiceguard.errors import ConfigurationError, NothingThere
from voiceguard.settings import Settings


@dataclass
class Installation:
    """What verification found in a data folder."""

    folder: Path
    """Absolute."""
    kid: str = ""
    """Of the signing key; empty where it is gone."""
    mark: Mark | None = None
    """The newest one, of the data folder."""
    seen: Verified = field(default_factory=Verified)


async def verify_installation(settings: Settings, since: Path | None, now: float) -> Installation:
    """Everything that is wrong with this installation's audit. `since`: a file of marks that was kept elsewhere; `now`:
    Unix seconds.

    Raises NothingThere where nothing was ever recorded, ConfigurationError for a file `since` that holds no marks,
    StoreError for a database that cannot be read where nothing says what should be in it.
    """
    found = Installation(settings.data_dir.absolute())
    try:
        keys = Keys.open(settings.data_dir, make=False)
    except NothingThere as error:
        if not (settings.data_dir / Marks.FILE).exists():
            raise NothingThere(f"there is nothing to verify: {error}") from None
        found.seen.faults.append(Fault("keys", 0, "removed", str(error)))
        return found
    found.kid = keys.kid
    marks = Marks(settings.data_dir, keys.sign, keys.verify, settings.audit.witness_file)
    kept, witnessed = _marks(marks, since, found)
    try:
        async with Store.read(settings.store_url) as store:
            seen = await store.audit.verify(keys.verify, now=now, marks=kept, witnessed=witnessed)
    except (NothingThere, StoreError) as error:
        if not kept and not witnessed and not found.seen.faults:
            raise type(error)(f"there is nothing to verify: {error}") from None
        for mark in kept + witnessed[-1:]:
            found.seen.faults.append(Fault("checkpoints", mark.number, "removed", f"{mark_text(mark)}; {error}"))
        return found
    if found.mark is None and seen.checkpoints and not found.seen.faults:
        text = f"the database has {seen.checkpoints} checkpoints, and {marks.path} is gone"
        found.seen.faults.append(Fault("mark", 0, "removed", text))
    seen.faults = found.seen.faults + seen.faults
    found.seen = seen
    for kid in sorted(keys.retired.keys() - seen.named_keys):
        text = f"{RETIRED} has the key {kid}, and no record says that it ever was this service's"
        seen.faults.append(Fault("keys", 0, "added", text))
    if not seen.chains and not seen.faults:
        raise NothingThere(f"there is nothing to verify: no records in {found.folder}")
    return found


def _marks(marks: Marks, since: Path | None, found: Installation) -> tuple[list[Mark], list[Mark]]:
    """The marks that the database must lead to, and those of the witness; faults of their files are put with those
    found."""
    kept: list[Mark] = []
    witnessed: list[Mark] = []
    try:
        found.mark = marks.newest()
        kept += [] if found.mark is None else [found.mark]
        witnessed += [] if marks.witness is None else marks.read(marks.witness)
    except ConfigurationError as error:
        found.seen.faults.append(Fault("mark", 0, "changed", str(error)))
    try:
        kept += [] if since is None else marks.read(since)
    except ForeignMark as error:
        found.seen.faults.append(Fault("mark", 0, "changed", str(error)))
    return kept, witnessed
