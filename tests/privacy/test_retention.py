"""The rules of retention."""

from __future__ import annotations

import dataclasses

from voiceguard.privacy.places import PLACES
from voiceguard.privacy.retention import RULES, RetentionOptions


def test_every_place_is_ended_by_a_rule_that_there_is() -> None:
    """The map and the rules name the same kinds."""
    assert set() == {place.retention for place in PLACES if place.retention} - set(RULES)


def test_rules_name_options_that_there_are() -> None:
    """And every option is used by a rule."""
    named = {rule.days for rule in RULES.values() if rule.days}

    assert {field.name for field in dataclasses.fields(RetentionOptions)} == named
