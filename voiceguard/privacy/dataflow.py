"""The data-flow map: every field that enters, rests or leaves, declared once; see `voiceguard dataflow`.

A field's name has a meaning (`meanings`): class, purpose, legal basis. A place (`places`, `doors`) names its fields,
where they rest, who sees them and which retention rule ends them. `name:meaning` in a place says that the name means
something else there. What is declared nowhere is a fault, which the tests find by looking at the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from voiceguard.errors import ConfigurationError
from voiceguard.privacy.doors import COMMANDS, DOORS
from voiceguard.privacy.meanings import MEANINGS, Meaning
from voiceguard.privacy.places import PLACES, Place

COLUMNS = ("name", "where", "class", "purpose", "basis", "rests", "seen_by", "leaves", "retention")


@dataclass(frozen=True, slots=True)
class Field:
    """One field in one place."""

    name: str
    where: str
    """Kind and name of the place: `event CallStarted`, `table calls`, `answer Risk`, `record decision`, `log line`."""
    meaning: Meaning
    rests: str
    """Where it is kept and by which key it is encrypted; empty: in memory, until the call ends."""
    seen_by: tuple[str, ...]
    """Roles and scopes."""
    leaves: tuple[str, ...]
    """Routes, streams, webhooks and files by which it leaves the process."""
    retention: str
    """Name of the rule that ends it; empty where nothing is kept."""

    def as_json(self) -> dict[str, Any]:
        """[contract] one entry of `fields`."""
        said = asdict(self.meaning)
        return {
            "name": self.name, "where": self.where, "class": said["kind"], "purpose": said["purpose"],
            "basis": said["basis"], "rests": self.rests, "seen_by": list(self.seen_by), "leaves": list(self.leaves),
            "retention": self.retention,
        }


def fields(seen_by: Mapping[str, Sequence[str]]) -> Iterator[Field]:
    """Every declared field. `seen_by`: method and path of each route to the roles and scopes that pass it."""
    for place in PLACES:
        doors = tuple(_doors_of(place))
        seers = dict.fromkeys([*place.seen_by.split(), *(who for door in doors for who in seen_by.get(door, ()))])
        for word in place.fields.split():
            name, _, meaning = word.partition(":")
            yield Field(
                name, place.where, MEANINGS[meaning or name], place.rests, tuple(seers), doors, place.retention
            )


def _doors_of(place: Place) -> Iterator[str]:
    yield from (part.strip() for part in place.leaves.split(",") if part.strip())
    kind, _, name = place.where.partition(" ")
    if kind == "answer":
        yield from (door for door, answers in DOORS.items() if name in answers.split())
        yield from (command for command, answers in COMMANDS.items() if name in answers.split())


def declared() -> dict[str, set[str]]:
    """Place to the names of its fields."""
    return {place.where: {word.partition(":")[0] for word in place.fields.split()} for place in PLACES}


def undeclared(found: Mapping[str, set[str]]) -> list[str]:
    """`place: field` for every field that the code has and the map lacks, and the other way round.

    `found`: place to fields, as the code has them. What a file holds no schema says, so files are passed over.
    """
    known = {place: names for place, names in declared().items() if not place.startswith("file ")}
    faults = [f"{place}: {name} is not declared"
              for place in found for name in sorted(found[place] - known.get(place, set()))]
    faults += [f"{place}: {name} is declared and does not exist"
               for place in known for name in sorted(known[place] - found.get(place, set()))]
    return sorted(faults)


def undeclared_doors(found: Mapping[str, Sequence[str]]) -> list[str]:
    """What leaves by a route that the map does not name for it. `found`: route to the names of its answers."""
    return sorted(
        f"{door}: answer {name} leaves by an undeclared door"
        for door, names in found.items() for name in names if name not in DOORS.get(door, "").split()
    )


def differences(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each field that came (+), went (-) or changed (~) between two maps in their JSON form.

    Raises ConfigurationError for what is no such map.
    """
    try:
        old = {(one["where"], one["name"]): one for one in before}
        new = {(one["where"], one["name"]): one for one in after}
    except (KeyError, TypeError):
        raise ConfigurationError("the file holds no data-flow map: {\"fields\": [...]} is expected") from None
    lines = [f"- {where}: {name}" for where, name in old.keys() - new.keys()]
    lines += [f"+ {where}: {name} ({new[where, name]['class']})" for where, name in new.keys() - old.keys()]
    for place in old.keys() & new.keys():
        lines += [f"~ {place[0]}: {place[1]}: {column} was {old[place].get(column)}, is {new[place].get(column)}"
                  for column in COLUMNS if old[place].get(column) != new[place].get(column)]
    return sorted(lines, key=lambda line: line[2:])
