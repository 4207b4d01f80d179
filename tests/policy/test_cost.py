"""Guards that could take any time are refused when the policy is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.asked import TEXT
from voiceguard.errors import ConfigurationError
from voiceguard.policy import load
from voiceguard.policy.cost import MAX_ELEMENTS, why_dear

TEN = "[0,1,2,3,4,5,6,7,8,9]"


def nested(depth: int) -> str:
    """So many comprehensions within each other, over ten numbers each."""
    return "true" if depth == 0 else f"{TEN}.all(x{depth}, {nested(depth - 1)})"


@pytest.mark.parametrize("when", [
    nested(8), nested(3), " && ".join(f"{TEN}.exists(x, x == {number})" for number in range(5)),
    f"size([{','.join('1' * (MAX_ELEMENTS + 2))}]) > 0", "[1].all (x, [2].map(y, [3].filter\n(z, true)) == [[]])",
])
def test_dear_guard_is_refused(when: str) -> None:
    """By the reader, so that neither the check nor the service ever runs it."""
    assert why_dear(when)
    with pytest.raises(ConfigurationError, match="it may take too long"):
        load(TEXT.replace("when: risk.band == 'high'", f"when: {json.dumps(when)}", 1))


@pytest.mark.parametrize("when", [
    "true", "risk.band == 'high'", nested(2), "['a', 'b'].exists(x, x in assurance) && assurance.all(x, x != 'otp')",
    "parameters.text != '.all(.all(.all(.all('", "parameters.text != \"it's .map(\"",
])
def test_cheap_guard_is_taken(when: str) -> None:
    """Two within each other are enough for any list of a call; what stands in quotes is no comprehension."""
    assert why_dear(when) is None


@given(st.text(alphabet=".all(map){}[],'\" \n", max_size=200))
def test_any_text_is_judged(when: str) -> None:
    """Unbalanced brackets and quotes are CEL's to refuse."""
    why_dear(when)
