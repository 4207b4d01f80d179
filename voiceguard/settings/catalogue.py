"""Every setting as a list: its name, its environment variable, type, default and meaning; and misspelt variables."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from voiceguard.settings import Settings

PREFIX = "VOICEGUARD_"
OTHERS = frozenset({"VOICEGUARD_API_KEY"})
"""Variables of commands that are no settings: the key with which `loadtest` calls."""


@dataclass(frozen=True)
class Setting:
    """One setting. `name` has dots between its parts, as in a configuration file."""

    name: str
    type: str
    default: Any
    owner: Any
    """The class that declares it."""
    is_open: bool = False
    """Whether names of the operator's own stand below it."""

    @property
    def meaning(self) -> str:
        """What it says, on one line; read from the source only when it is asked for."""
        last = self.name.rpartition(".")[2]
        if self.owner is Settings:
            return Settings.model_fields[last].description or ""
        return _field_docs(self.owner).get(last, "")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.replace(".", "__").upper()


def catalogue() -> list[Setting]:
    """Every setting, in the order of their declaration."""
    found: list[Setting] = []
    for name, field in Settings.model_fields.items():
        if dataclasses.is_dataclass(field.annotation):
            found.extend(_options(name, field.annotation))
        else:
            found.append(_setting(name, field.annotation, field.get_default(call_default_factory=True), Settings))
    return found


def unknown_variables(names: Iterable[str]) -> list[str]:
    """One line for each `VOICEGUARD_*` variable that names no setting, with the nearest name that does."""
    names = [name for name in names if name.startswith(PREFIX)]
    if not names:
        return []
    settings = catalogue()
    known = {setting.variable for setting in settings} | OTHERS
    groups = {variable.rsplit("__", 1)[0] for variable in known if "__" in variable}
    below = tuple(f"{setting.variable}__" for setting in settings if setting.is_open)
    faults = []
    for name in sorted(names):
        if name.upper() not in known | groups and not name.upper().startswith(below):
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
            faults.append(f"{name} is no setting" + (f"; did you mean {near[0]}?" if near else ""))
    return faults


def as_markdown() -> str:
    """The page of all settings."""
    lines = [
        "# Settings", "",
        "`voiceguard config schema --format markdown` makes this page. A setting stands in the file of `--config`",
        "(TOML), under its name, or in the environment, which wins over the file; the command line wins over both.",
        "`voiceguard config show` tells what is in force and where it comes from, `config check` what is wrong.",
        "", "| setting | environment | type | default | meaning |", "|---|---|---|---|---|",
    ]
    for setting in catalogue():
        names = f"| `{setting.name}` | `{setting.variable}` | {setting.type}"
        lines.append(f"{names} | `{_shown(setting.default)}` | {setting.meaning} |")
    return "\n".join(lines) + "\n"


def _options(prefix: str, options: Any) -> Iterator[Setting]:
    hints = get_type_hints(options)
    for field in dataclasses.fields(options):
        name, hint = f"{prefix}.{field.name}", hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _options(name, hint)
        else:
            yield _setting(name, hint, _default(field), options)


def _default(field: dataclasses.Field[Any]) -> Any:
    default: Any = field.default
    if hasattr(default, "get_default"):  # pydantic's own description of a field
        default = default.get_default(call_default_factory=True)
    make: Any = field.default_factory
    return make() if default is dataclasses.MISSING and make is not dataclasses.MISSING else default


def _setting(name: str, hint: Any, default: Any, owner: Any) -> Setting:
    return Setting(name, _type(hint), default, owner, get_origin(hint) is dict)


def _type(hint: Any) -> str:
    arguments = [_type(argument) for argument in get_args(hint) if argument is not type(None)]
    origin = get_origin(hint)
    if str(origin) == "typing.Literal":
        return " or ".join(f"`{argument}`" for argument in get_args(hint))
    if origin is tuple:
        return f"list of {arguments[0]}"
    if origin is dict:
        return f"table of {arguments[1]}"
    if arguments:
        return " or ".join(arguments)
    plain = {int: "whole number", float: "number", bool: "true or false", str: "text", SecretStr: "secret"}
    return plain.get(hint, {"Path": "path"}.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint))))


def _shown(default: Any) -> str:
    if default is None or default is dataclasses.MISSING or default is PydanticUndefined or default in ((), {}, ""):
        return "-"
    return str(default).lower() if isinstance(default, bool) else str(default)


@functools.cache
def _field_docs(options: Any) -> dict[str, str]:
    """The texts that stand below the fields of a class."""
    import ast  # noqa: PLC0415 only this page needs it

    body = ast.parse(textwrap.dedent(inspect.getsource(options))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        ):
            found[before.target.id] = " ".join(str(after.value.value).split()).replace("|", "\\|")
    return found
