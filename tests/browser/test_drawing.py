"""The drawn character: complete, well-formed, and nothing that the content security policy forbids."""

import re
from xml.etree import ElementTree

import pytest

from collector.drawing import drawing
from collector.expressions import EXPRESSIONS
from tests.conftest import ROOT


@pytest.mark.django_db
def test_every_default_smiley_is_drawn() -> None:
    from collector.models import Smiley

    assert set(Smiley.objects.values_list("slug", flat=True)) == set(EXPRESSIONS)


def test_no_two_smileys_look_the_same() -> None:
    assert len({drawing(slug) for slug in EXPRESSIONS}) == len(EXPRESSIONS) == 17


@pytest.mark.parametrize("slug", [*EXPRESSIONS, "added-by-staff"])
def test_drawings_are_well_formed_and_carry_no_style(slug: str) -> None:
    svg = ElementTree.fromstring(drawing(slug, glyph="<3", title='"Quoted" & <tagged>', size=32))
    assert all("style" not in element.attrib for element in svg.iter())
    assert svg.attrib["aria-label"] == '"Quoted" & <tagged>'


def test_without_a_title_a_drawing_is_hidden_from_screen_readers() -> None:
    assert ElementTree.fromstring(drawing("smile")).attrib["aria-hidden"] == "true"


def test_a_smiley_nobody_drew_shows_its_glyph() -> None:
    assert "&lt;3" in drawing("heart", glyph="<3")


def test_colours_stand_in_the_tokens_alone() -> None:
    named = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch|oklab|lab|lch)a?\(", re.IGNORECASE)
    sheets = [sheet for sheet in (ROOT / "static" / "css").glob("*.css") if sheet.name != "tokens.css"]
    assert sheets
    for sheet in sheets:
        assert named.findall(sheet.read_text(encoding="utf-8")) == [], sheet.name
