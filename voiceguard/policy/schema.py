"""The policy file's form: what each part of it may hold, and the place and line of what is wrong.

The file is a YAML mapping. `json_schema` gives the same form to editors.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import cel
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from voiceguard.errors import ConfigurationError
from voiceguard.events import Decision
from voiceguard.policy.cost import why_dear

Method = Literal["totp", "delivered_code"]
Assurance = Literal["otp", "human", "second_human"]
RISK_FIELDS = ("score", "band", "state", "net_speech_s", "evidence")
NAMES = (
    "risk", "assurance", "consent", "customer_known", "locked", "injection", "action", "tier", "parameters",
    "principal", "prepared_by",
)
"""Every name that a rule may use."""

_MAX_TEXT = 128 * 1024
_MAX_LIST = 64
_MAX_STRING = 1000
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_RISK_FIELD = re.compile(r"\brisk\.(\w+)")


@dataclass(frozen=True)
class _Expected:
    """What is expected of a value, said wherever the value is anything else."""

    text: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.custom_error_schema(
            handler(source), "expected", custom_error_message=f"{self.text} is expected"
        )


@dataclass(frozen=True)
class _Whole:
    """A whole number within bounds, both included."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.int_schema(ge=self.least, le=self.most, strict=True)
        message = f"a whole number from {self.least} to {self.most} is expected"
        return core_schema.custom_error_schema(number, "expected", custom_error_message=message)


def _fault(said: str, **about: tuple[Any, ...]) -> PydanticCustomError:
    """`place`: where in the value, for people; `at`: the same, for the line alone."""
    return PydanticCustomError("fault", "{said}", {**about, "said": said})  # last, or it would be filled in itself


def _compiles(when: str) -> str:
    try:
        program = cel.compile(when)
    except ValueError as error:
        why = str(error).partition("ERROR: <input>:1:")[2].partition(" expecting")[0].partition("\n")[0]
        raise _fault(f"this is not CEL: {when!r}, at character {why}") from error
    if dear := why_dear(when):
        raise _fault(f"it may take too long: {dear}")
    named = [
        *(name for name in program.variables() if name not in NAMES and name not in _BOUND.findall(when)),
        *(f"risk.{name}" for name in _RISK_FIELD.findall(when) if name not in RISK_FIELDS),
    ]
    if named:
        known = [f"risk.{name}" for name in RISK_FIELDS] if named[0].startswith("risk.") else NAMES
        raise _fault(f"no such name: {named[0]} (known: {', '.join(known)})")
    return when


Name = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$"), _Expected("a name in snake_case of at most 64 characters")
]
Text = Annotated[
    str, Field(min_length=1, max_length=_MAX_STRING), _Expected(f"a text of 1 to {_MAX_STRING} characters in quotes")
]
TierName = Annotated[str, _Expected("the name of a tier")]
Guard = Annotated[Text, AfterValidator(_compiles)]
AssuranceSet = Annotated[
    list[Assurance], Field(min_length=1, max_length=_MAX_LIST),
    _Expected(f"a list of one or more of {', '.join(get_args(Assurance))}"),
]


class _Part(BaseModel):
    """A mapping with these keys and no others."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, node: Any) -> Any:
        known = ", ".join(cls.model_fields)
        if not isinstance(node, dict):
            raise _fault(f"a mapping is expected, of {known}")
        if unknown := [key for key in node if key not in cls.model_fields]:
            raise _fault(f"unknown key {unknown[0]!r:.80} (known: {known})", at=(unknown[0],))
        return node


class ReasonPart(_Part):
    """Why, for machines and for people."""

    code: Name
    text: Text


class RulePart(_Part):
    """One row of a tier; the first whose guard is true decides."""

    name: Name
    when: Guard
    """CEL over risk.{score,band,state,net_speech_s,evidence}, assurance, consent, customer_known, locked, injection,
    action, tier, parameters. risk.score is -1 where there is none."""
    decision: Annotated[Decision, Field(strict=False), _Expected(f"one of {', '.join(Decision)}")]
    reason: ReasonPart


class RemarkPart(_Part):
    """A reason added to every ruling while its guard is true."""

    when: Guard
    reason: ReasonPart


def _named_once(rules: list[RulePart]) -> list[RulePart]:
    names = [rule.name for rule in rules]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _fault(f"the name {name!r} stands twice", at=(place,))
    return rules


class TierPart(_Part):
    """What is demanded before an action of this tier is allowed, and the rules that decide."""

    assurance: Annotated[list[AssuranceSet], Field(max_length=_MAX_LIST)]
    """The sets of which one must be held before anything is allowed; none: the tier is open."""
    rules: Annotated[list[RulePart], Field(min_length=1, max_length=_MAX_LIST), AfterValidator(_named_once)]
    verify: Annotated[bool, _Expected("true or false")] = False
    """Whether asking for an action of this tier has the buffered speech judged by the second detector too."""


def _each_once(methods: list[Method]) -> list[Method]:
    if len(set(methods)) < len(methods):
        raise ValueError
    return methods


class ChallengeTerms(_Part):
    """Terms of a step-up, in seconds, within the limits of NIST SP 800-63B-4 and PSD2 RTS article 4."""

    methods: Annotated[
        list[Method], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_each_once),
        _Expected(f"a list of one or more of {', '.join(get_args(Method))}, each once,"),
    ]
    """The first that the customer has is asked for."""
    acr: Text
    """Assurance asked for, as in RFC 9470 acr_values."""
    expires_s: Annotated[int, _Whole(30, 600)]
    """Seconds for which a code is good."""
    tries: Annotated[int, _Whole(1, 5)]
    """Wrong codes of one call before the customer is locked out."""
    lockout_s: Annotated[int, _Whole(60, 86400)]
    """Seconds for which a customer is locked out."""


class GrantTerms(_Part):
    """Terms of a grant."""

    expires_s: Annotated[int, _Whole(1, 600)]
    """Seconds for which a grant may be redeemed."""


_ENTRIES = Field(min_length=1, max_length=1000, json_schema_extra={"additionalProperties": False})


class PolicyFile(_Part):
    """Actions have tiers, tiers have ordered rules; the first rule that matches decides, and no rule denies."""

    version: Text
    challenge: ChallengeTerms
    grant: GrantTerms
    actions: Annotated[dict[Name, TierName], _ENTRIES]
    """Action to the name of its tier."""
    remarks: Annotated[list[RemarkPart], Field(max_length=_MAX_LIST)]
    tiers: Annotated[dict[Name, TierPart], _ENTRIES]

    @model_validator(mode="after")
    def _tiers_exist(self) -> PolicyFile:
        for action, tier in self.actions.items():
            if tier not in self.tiers:
                said = f"no such tier: {tier!r:.80} (known: {', '.join(self.tiers)})"
                raise _fault(said, place=("actions", action))
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file, for editors; that rules are CEL and that tiers exist is beyond it."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "voiceguard policy"}
    return dialect | {key: value for key, value in PolicyFile.model_json_schema().items() if key != "title"}


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error, because the second would silently win, and so are merge
    keys, because a few lines of them grow without bound."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merge keys are not taken", key.start_mark)
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


def read(text: str) -> PolicyFile:
    """Read a policy file's text. Raises ConfigurationError with the place and line that is wrong, and what may stand
    there."""
    if len(text) > _MAX_TEXT:
        raise ConfigurationError(f"policy: longer than {_MAX_TEXT} characters")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        tree = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" line {error.problem_mark.line + 1}"
        raise ConfigurationError(f"policy:{line} {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError("policy: this is not YAML") from error
    try:
        return PolicyFile.model_validate(tree)
    except ValidationError as error:
        raise ConfigurationError(_worded(error.errors(include_url=False)[0], root)) from error


_WORDS = {
    "missing": "missing",
    "dict_type": "a mapping of 1 to 1000 entries is expected",
    "list_type": f"a list of at most {_MAX_LIST} entries is expected",
    "too_short": "at least {min_length} entry is expected",
    "too_long": "at most {max_length} entries are taken",
}


def _worded(fault: ErrorDetails, root: yaml.Node | None) -> str:
    """Place, what may stand there, what stands there where that is one value, and its line."""
    about = fault.get("ctx", {})
    loc = [*fault["loc"], *about.get("place", ())]
    if loc and loc[-1] == "[key]":
        del loc[-2:]
    said = _WORDS[fault["type"]].format_map(about) if fault["type"] in _WORDS else fault["msg"]
    if fault["type"] == "expected" and isinstance(fault["input"], str | int | float):
        said += f", not {fault['input']!r:.80}"
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in loc).lstrip(".") or "policy"
    line = _line(root, [*loc, *about.get("at", ())])
    return f"{place}: {said}" if line is None else f"{place}: {said} (line {line})"


def _line(node: yaml.Node | None, loc: Sequence[int | str]) -> int | None:
    """The line of the innermost part of `loc` that the file has, counted from 1."""
    line = None if node is None else node.start_mark.line + 1
    for key in loc:
        if isinstance(node, yaml.MappingNode):
            inner = [(name, value) for name, value in node.value if name.value == key]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            inner = [(value, value) for value in node.value[key : key + 1]]
        else:
            inner = []
        if not inner:
            break
        name, node = inner[0]
        line = name.start_mark.line + 1
    return line
