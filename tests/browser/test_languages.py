"""The whole way in each language, on a phone and on a laptop: nothing in English, nothing cut off."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.test_translations import entries

from .conftest import LAPTOP, PHONE
from .test_pages import WIDER_THAN_THE_WINDOW, _violations

pytestmark = pytest.mark.stack

LANGUAGES = {"en": "en-GB", "ru": "ru-RU", "zh-hans": "zh-CN"}


def english() -> list[str]:
    """Sentences of two words and more, which no page in another language may show."""
    found = {entry.id for entry in entries("ru") if " " in entry.id and not re.search(r"[%{<]", entry.id)}
    return sorted(found)


def looks_right(page: Page, language: str) -> None:
    text = page.locator("body").inner_text()
    assert page.evaluate("() => document.documentElement.lang") == language
    assert page.evaluate(WIDER_THAN_THE_WINDOW) <= 0, page.url
    if language != "en":
        assert [sentence for sentence in english() if sentence in text] == [], page.url


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_way(
    visit: Callable[..., Page], browser: Browser, axe: str, language: str, size: Any
) -> None:
    page = visit(browser, viewport=size, locale=LANGUAGES[language], bypass_csp=True, reduced_motion="reduce")
    looks_right(page, language)
    page.locator(".hero a.main").click()
    expect(page).to_have_url(re.compile("/consent/$"))
    looks_right(page, language)
    page.locator("#id_age").check()
    page.locator("#id_train").check()
    page.locator(".boxes button.main").click()
    page.locator("[data-action=open]:visible").first.click()
    expect(page.locator("[data-action=shoot]")).to_be_visible()
    looks_right(page, language)
    page.locator("[data-action=shoot]").click()
    expect(page.locator(".frame")).to_have_count(3)
    looks_right(page, language)
    page.keyboard.press("3")
    page.locator("[data-send]").click()
    expect(page.locator(".sent-card[data-face=found]")).to_have_count(2)
    looks_right(page, language)
    page.goto("/photos/")
    expect(page.locator(".photo")).to_have_count(2)
    looks_right(page, language)
    page.locator(".receipt-offer button").click()
    expect(page.locator("[data-code]")).to_be_visible()
    looks_right(page, language)
    page.goto("/photos/")
    for summary in page.locator("summary").all():
        summary.click()
    looks_right(page, language)
    assert _violations(page, axe) == []
    page.locator(".confirm.whole button").click()
    expect(page.locator(".notice[role=status]")).to_be_visible()
    looks_right(page, language)
    for path in ("/privacy/", "/receipt/", "/nothing-here/"):
        page.goto(path)
        looks_right(page, language)


def test_language_is_switched_in_the_foot_and_stays(visit: Callable[..., Page], browser: Browser) -> None:
    page = visit(browser, "/consent/", java_script_enabled=False)
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", name="开始之前")).to_be_visible()
    expect(page).to_have_url(re.compile("/consent/$"))
    page.goto("/privacy/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.get_by_role("button", name="Русский")).to_have_attribute("aria-current", "true")


def test_a_problem_reaches_the_booth_in_the_reader_s_language(
    visit: Callable[..., Page], browser: Browser
) -> None:
    page = visit(browser, "/consent/", locale="ru-RU")
    page.locator("#id_age").check()
    page.locator("#id_train").check()
    page.locator(".boxes button.main").click()
    said = page.evaluate(
        """async () => {
          const answer = await fetch("/api/v1/photos/00000000-0000-0000-0000-000000000000/");
          return (await answer.json()).detail;
        }"""
    )
    assert re.search("[а-я]", said), said
