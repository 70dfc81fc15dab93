"""Every sentence is there in every language: nothing untranslated, nothing left half done, nothing hard-coded."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation.template import templatize

from collector.models import ConsentText, Smiley
from collector.wording import DEFAULTS, shown

from .collector.conftest import Browser
from .conftest import ROOT

LANGUAGES = {"ru": "ru", "zh-hans": "zh_Hans"}
ROOMS = ("config", "operations", "collector", "labeling", "training")
# Staff's own pages speak English.
TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*.*")) if "admin" not in path.parts]
MARKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}|<[^>]+>|%%")


def in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MARKERS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def in_template(source: str) -> Iterator[str]:
    """What Django's own extraction would take out of a template."""
    for call in re.finditer(r"\b_?n?gettext\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", templatize(source)):
        yield ast.literal_eval(call[1])
    for call in re.finditer(r"(?<!\w)_\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\)", templatize(source)):
        yield ast.literal_eval(call[1])


def sentences() -> dict[str, str]:
    """Each sentence that is marked for translation, and where."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            found |= dict.fromkeys(in_python(path.read_text("utf-8")), str(path.relative_to(ROOT)))
    for path in TEMPLATES:
        found |= dict.fromkeys(in_template(path.read_text("utf-8")), str(path.relative_to(ROOT)))
    return found


class Entry:
    """One entry of a .po file."""

    def __init__(self, block: str) -> None:
        self.fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in block.splitlines())
        self.parts: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if found := re.match(r'(msg\w+(?:\[\d\])?) (".*")$', line):
                key = found[1]
                self.parts[key] = ast.literal_eval(found[2])
            elif line.startswith('"'):
                self.parts[key] += ast.literal_eval(line)
        self.id = self.parts.get("msgid", "")
        self.said = {key: text for key, text in self.parts.items() if key.startswith("msgstr")}


def entries(language: str) -> list[Entry]:
    text = (ROOT / "locale" / LANGUAGES[language] / "LC_MESSAGES" / "django.po").read_text("utf-8")
    return [entry for block in text.split("\n\n") if (entry := Entry(block)).parts]


def test_the_languages_are_those_of_the_settings() -> None:
    assert set(dict(settings.LANGUAGES)) == {"en", *LANGUAGES}


def test_this_test_finds_what_is_marked() -> None:
    template = (
        """{% load i18n %}{% translate "one" as x %}{{ y|yesno:_("three,four") }}"""
        """{% blocktranslate count n=n %}{{ n }} two{% plural %}{{ n }} twos{% endblocktranslate %}"""
        """<p title="{% translate "it's" %}">"""
    )
    assert {"one", "%(n)s two", "three,four", "it's"} <= set(in_template(template))
    assert list(in_python('raise Problem("x", _("five" " six") % {})')) == ["five six"]
    assert len(sentences()) > 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    known = {entry.id: entry for entry in entries(language)}
    missing = {sentence: where for sentence, where in sentences().items() if sentence not in known}
    assert missing == {}, "run manage.py makemessages, translate, and compile"
    empty = [entry.id for entry in known.values() if not all(entry.said.values())]
    assert empty == []
    assert [entry.id for entry in known.values() if entry.fuzzy] == []
    assert set(known) - {"", *sentences()} == set(), "nobody says these any more"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_what_is_filled_in(language: str) -> None:
    wrong = []
    for entry in entries(language)[1:]:
        wanted = sorted(PLACEHOLDER.findall(entry.id))
        wrong += [text for text in entry.said.values() if sorted(PLACEHOLDER.findall(text)) != wanted]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    path = ROOT / "locale" / LANGUAGES[language] / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        compiled: Any = gettext.GNUTranslations(file)
    written: dict[Any, str] = {}
    for entry in entries(language):
        if "msgid_plural" in entry.parts:
            for number in range(len(entry.said)):
                written[(entry.id, number)] = entry.said[f"msgstr[{number}]"]
        elif entry.id:
            written[entry.id] = entry.said["msgstr"]
    assert {key: text for key, text in compiled._catalog.items() if key} == written, (
        "run manage.py compilemessages"
    )


# --- what is not marked


def spoken(template: str) -> list[str]:
    """What a reader would see or hear of a template that is in no translated part of it."""
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}|{#.*?#}", "", template, flags=re.DOTALL)
    text = re.sub(r"{%\s*block body_?class\s*%}.*?endblock\s*%}", "", text)
    text = re.sub(r"{%\s*blocktranslate.*?endblocktranslate\s*%}", "", text, flags=re.DOTALL)
    attributes = re.findall(r'\b(?:alt|title|aria-label|placeholder)="([^"{]*)', text)
    text = re.sub(r"{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    text = re.sub(r"<(script|style|svg|code|kbd)\b.*?</\1>|<span class=\"glyph\"[^>]*>.*?</span>", " ", text)
    text = re.sub(r"""<(?:"[^"]*"|[^>"])*>""", "\n", text)
    pieces = [piece.strip() for piece in [*text.splitlines(), *attributes]]
    return [
        piece for piece in pieces if re.search(r"[^\W\d_]{2}", re.sub(r"Smielfy|XXXX|UTC|&\w+;", "", piece))
    ]


def test_this_test_sees_what_is_not_marked() -> None:
    assert spoken('<p>{% translate "x" %} hello <b>you</b></p><img alt="a cat">') == ["hello", "you", "a cat"]
    assert (
        spoken("<p>{% blocktranslate %}hello{% endblocktranslate %}{# note #} · Smielfy</p><kbd>Esc</kbd>")
        == []
    )


@pytest.mark.parametrize(
    "path",
    [path for path in TEMPLATES if path.suffix == ".html"],
    ids=lambda path: str(path.relative_to(ROOT / "templates")),
)
def test_no_template_says_anything_in_one_language_only(path: Path) -> None:
    assert spoken(path.read_text("utf-8")) == []


def test_no_script_of_the_volunteers_says_anything_of_its_own() -> None:
    """Words reach scripts through the page; a sentence in quotes with a space in it is one that does not."""
    said = []
    for path in sorted((ROOT / "static" / "js").glob("*.js")):
        code = re.sub(
            r"/\*.*?\*/|^\s*//.*$|\s//\s.*$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        code = re.sub(r"\b(?:throw )?new (?:\w*Error|DOMException)\(.*", "", code)  # for programmers
        shown = re.findall(
            r"\.(?:textContent|innerText|ariaLabel|alt|title)\s*=\s*[\"'`]([^\"'`$]*\w \w[^\"'`]*)", code
        )
        said += [f"{path.name}: {sentence}" for sentence in shown]
    assert said == []


def test_every_problem_that_a_volunteer_may_meet_is_translated() -> None:
    """The sentence of a Problem is never a bare string; those of labeling, of training's commands, and of API tokens
    are staff's."""
    bare = []
    paths = [*(ROOT / "operations").rglob("*.py"), *(ROOT / "collector").rglob("*.py")]
    paths.remove(ROOT / "operations" / "tokens.py")
    for path in [*paths, ROOT / "training" / "api.py", ROOT / "training" / "export_api.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                sentence = node.args[1] if len(node.args) > 1 else None
                if isinstance(sentence, ast.JoinedStr) or (
                    isinstance(sentence, ast.Constant) and isinstance(sentence.value, str)
                ):
                    bare.append(f"{path.name}:{node.lineno}")
    assert bare == []


# --- what is data


@pytest.mark.django_db
def test_the_smileys_the_site_came_with_are_translated() -> None:
    smileys = list(Smiley.objects.all())
    assert [(smiley.title, smiley.how) for smiley in smileys] == list(DEFAULTS)
    for language in LANGUAGES:
        with translation.override(language):
            for smiley in smileys:
                words = shown(smiley)
                assert words.title != smiley.title
                assert words.how != smiley.how


def test_what_staff_write_is_shown_as_they_wrote_it() -> None:
    with translation.override("ru"):
        words = shown(Smiley(slug="own", glyph="°", title="A title of ours", how=""))
    assert (words.title, words.how) == ("A title of ours", "")


@pytest.mark.django_db
def test_the_consent_text_is_there_in_each_language_point_by_point() -> None:
    english = ConsentText.objects.get(language="en", version=1)
    for language in LANGUAGES:
        text = ConsentText.objects.get(language=language, version=1)
        assert [sorted(section) for section in text.body] == [sorted(section) for section in english.body]
        assert all(section["plain"] and section["legal"] for section in text.body)
        assert len(text.sha256) == 64


# --- how it is chosen


@pytest.mark.parametrize(
    ("wanted", "language", "heading"),
    [
        ("ru", "ru", "Прежде чем начать"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru", "Прежде чем начать"),
        ("zh-CN,zh;q=0.9", "zh-hans", "开始之前"),
        ("zh", "zh-hans", "开始之前"),
        ("de-DE,de;q=0.9", "en", "Before you begin"),
        ("", "en", "Before you begin"),
    ],
)
def test_the_browsers_language_is_taken(stranger: Browser, wanted: str, language: str, heading: str) -> None:
    page = stranger.get("/consent/", headers={"Accept-Language": wanted}).content.decode()
    assert heading in page
    assert f'<html lang="{language}">' in page
    text = stranger.get("/api/v1/consent-text/", headers={"Accept-Language": wanted}).json()
    assert text["language"] == language


def test_another_one_can_be_chosen(stranger: Browser) -> None:
    answer = stranger.post("/language/", {"language": "zh-hans", "next": "/consent/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/consent/")
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert "开始之前" in stranger.get("/consent/", headers={"Accept-Language": "ru"}).content.decode()
    elsewhere = stranger.post("/language/", {"language": "ru", "next": "https://evil.example/"})
    assert "evil" not in elsewhere.headers["Location"]


def test_problems_are_told_in_it(stranger: Browser) -> None:
    ru = {"Accept-Language": "ru"}
    assert "согласия" in stranger.get("/api/v1/photos/", headers=ru).json()["detail"]
    assert stranger.get("/api/v1/nothing/", headers=ru).json()["detail"] == "Здесь ничего нет."
    wrong = stranger.post_json("/api/v1/receipts/redeem/", {"code": "x"}, headers=ru).json()
    assert wrong["code"] == "receipt_unknown"
    assert "кодом" in wrong["detail"]


@pytest.fixture
def stranger(db: None) -> Browser:
    return Browser()
