"""Recipes and tables of voices: what is read, and that each mistake names its place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiceguard.analysis.callsets.recipe import read_recipe, read_voices
from voiceguard.errors import ConfigurationError

RECIPE = """
seed = 1
voices = "v.csv"
[[calls]]
name = "recovery"
count = 2
label = "genuine"
"""
VOICES = "path,speaker,label,system,source,text\na.wav,ann,bonafide,,page,Hello\nb.wav,robot,spoof,kokoro,kokoro,\n"


def _recipe(folder: Path, text: str) -> Path:
    (folder / "r.toml").write_text(text, encoding="utf-8")
    return folder / "r.toml"


def test_paths_lead_from_the_recipe(tmp_path: Path) -> None:
    """Wherever the command is run."""
    recipe = read_recipe(_recipe(tmp_path, 'noises = ["n.wav"]\nmusic = ["m.wav"]\n' + RECIPE))

    assert (tmp_path / "v.csv", (tmp_path / "n.wav",), (tmp_path / "m.wav",)) == (
        recipe.voices, recipe.noises, recipe.music
    )
    assert (("pcmu",), 4, None) == (recipe.line.codecs, recipe.calls[0].turns, recipe.calls[0].action)


@pytest.mark.parametrize(("text", "place"), [
    ("seed = 1", "voices: Field required"), (RECIPE.replace("= 2", "= 0"), "calls.0.count"),
    (RECIPE + 'colour = "red"\n', "calls.0.colour"), (RECIPE + 'expect = "deny"\n', "expect needs an action"),
    (RECIPE + 'attacks = ["human"]\n', "only a take-over"), (RECIPE + "hold_s = [0, 5]\n", "hold_s needs music"),
    (RECIPE + "[calls.line]\nbackground = 0.5\n", "background needs noises"),
    (RECIPE + RECIPE[RECIPE.index("[["):], "same name"), (RECIPE.replace('"recovery"', '"../up"'), "calls.0.name"),
    (RECIPE + "[line]\ncodecs = [\"morse\"]\n", "line.codecs.0"), (RECIPE + 'digits = "12x"\n', "calls.0.digits"),
    ("seed = ", "r.toml: "),
])
def test_mistakes_name_their_place(text: str, place: str, tmp_path: Path) -> None:
    """What is unknown, impossible, or asks for what is not there."""
    with pytest.raises(ConfigurationError) as told:
        read_recipe(_recipe(tmp_path, text))
    assert place in str(told.value) and str(told.value).startswith("r.toml: ")


def test_missing_files_are_named(tmp_path: Path) -> None:
    """Recipe and voices."""
    with pytest.raises(ConfigurationError, match=r"none\.toml: No such file"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match=r"none\.csv: No such file"):
        read_voices(tmp_path / "none.csv")


def test_voices_are_clips(tmp_path: Path) -> None:
    """With what is known of each."""
    (tmp_path / "v.csv").write_text(VOICES, encoding="utf-8")
    ann, robot = read_voices(tmp_path / "v.csv")

    assert (tmp_path / "a.wav", "ann", "bonafide", "", "page", "Hello") == tuple(ann.model_dump().values())
    assert ("spoof", "kokoro", "") == (robot.label, robot.system, robot.text)


@pytest.mark.parametrize(("text", "place"), [
    ("path,speaker\n", "has no column label"), (VOICES.replace("spoof", "fake"), "line 3: label"),
    (VOICES.replace("ann", ""), "line 2: speaker"), ("", "has no column path"),
])
def test_wrong_voices_name_their_line(text: str, place: str, tmp_path: Path) -> None:
    """A missing column, a label that is none, a voice without a name."""
    (tmp_path / "v.csv").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=place):
        read_voices(tmp_path / "v.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """Nothing but one error comes of whatever a file holds."""
    (tmp_path / "x").write_bytes(data)
    for read in (read_recipe, read_voices):
        with suppress(ConfigurationError):
            read(tmp_path / "x")
