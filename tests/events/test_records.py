"""Records: what is not named is never written."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest

from voiceguard import events
from voiceguard.events import ActionRequested, CodeEntered, CodeToDeliver, CustomerFacts, DtmfReceived, as_record
from voiceguard.events.records import RECORDED

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    "value",
    [
        CustomerFacts("customer-1", SECRET),
        ActionRequested("a1", "payment", {}, CustomerFacts("customer-1", SECRET)),
        {"customer": CustomerFacts("customer-1", SECRET)},
        [CodeToDeliver("a1", "customer-1", "refund", "123456", 1.0)],
        CodeEntered("a1", "123456"),
        DtmfReceived("caller", "1"),
        np.zeros(3, np.float32),
        b"audio",
        object(),
    ],
)
def test_value_that_is_not_named_is_refused(value: Any) -> None:
    """A TOTP secret, a code, a key press and audio raise, alone and inside of other values."""
    with pytest.raises(TypeError, match="never recorded"):
        as_record(value)


def test_every_other_event_class_is_refused() -> None:
    """A new class of events is not recorded until it is named."""
    classes = {value for value in vars(events).values() if isinstance(value, type) and is_dataclass(value)}

    for unnamed in classes - set(RECORDED):
        with pytest.raises(TypeError):
            as_record(object.__new__(unnamed))


def test_named_fields_exist_and_are_all_that_is_written() -> None:
    """The table follows the classes; a field that a class gains is not written until it is named."""
    for recorded, names in RECORDED.items():
        assert set(names) <= {field.name for field in fields(recorded)}
