"""Signing in with a real browser: keyboard, phone, invitation, password, and a session that ends elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labelkit import Project
from tests.browsing import BROWSER_TESTS, log_in, serious
from tests.serving import LEAD, add_person

pytestmark = BROWSER_TESTS

HOSTILE = '<img src=x onerror="document.title=1">'
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sign-in") / "project"
    with Project.init(folder, name="texts", labels=["a", "b"]):
        pass
    return folder


@pytest.fixture(scope="module")
def address(address: str, home: Path) -> str:
    add_person(home, "Bob", "annotator")
    return address


def expect_signed_in(page: Page) -> None:
    expect(page.get_by_role("link", name="Annotate")).to_be_visible(timeout=20_000)


def test_by_keyboard_alone_and_over_a_reload(visit: Open) -> None:
    page = visit()
    expect(page.get_by_test_id("login-name")).to_be_focused(timeout=30_000)
    page.keyboard.type(LEAD[0])
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    problem = page.get_by_role("alert").filter(has_text="password is wrong")
    expect(problem).to_be_visible()
    expect(page.get_by_test_id("login-password")).to_be_focused()
    expect(page.get_by_test_id("login-password")).to_have_attribute("aria-invalid", "true")
    page.keyboard.type(LEAD[1])  # over what was selected
    page.keyboard.press("Enter")
    expect_signed_in(page)
    page.reload()
    expect_signed_in(page)
    assert page.evaluate("document.cookie").count("labelkit") == 0  # HttpOnly
    cookies = [c for c in page.context.cookies() if c["name"].startswith("labelkit_")]
    assert len(cookies) == 2 and all(c["httpOnly"] and c["sameSite"] == "Strict" for c in cookies)


def test_fields_have_labels_and_say_what_they_are_to_password_managers(visit: Open) -> None:
    page = visit()
    name, password = page.get_by_label("Name", exact=True), page.get_by_label("Password", exact=True)
    expect(name).to_have_attribute("autocomplete", "username", timeout=30_000)
    expect(password).to_have_attribute("autocomplete", "current-password")
    expect(password).to_have_attribute("type", "password")
    page.get_by_role("button", name="Show the password").click()
    expect(password).to_have_attribute("type", "text")
    expect(page.get_by_role("heading", name="Sign in to texts")).to_be_visible()
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_role("alert").filter(has_text="Give your name")).to_be_visible()
    expect(name).to_be_focused()


def test_the_page_that_was_asked_for_comes_after_signing_in(visit: Open, address: str) -> None:
    page = visit("/account?a=b")
    log_in(page)
    expect(page.get_by_role("heading", name="Account")).to_be_visible(timeout=20_000)
    assert page.url.startswith(f"{address}/account?a=b")


@pytest.mark.parametrize("path", ["/?next=//evil.example", "/account?next=https://evil.example"])
def test_nobody_is_sent_elsewhere(visit: Open, address: str, path: str) -> None:
    page = visit(path)
    log_in(page, "Bob")
    expect_signed_in(page)
    assert page.url.startswith(f"{address}/")


def test_a_page_that_the_role_does_not_grant_says_so(visit: Open) -> None:
    page = visit("/team")
    log_in(page, "Bob")
    expect(page.get_by_text("does not show you this page")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("link", name="Team")).to_have_count(0)


def test_on_a_phone_and_in_the_dark(visit: Open) -> None:
    page = visit("/", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, color_scheme="dark")
    submit = page.get_by_test_id("login-submit")
    submit.wait_for(timeout=30_000)
    box = submit.bounding_box()
    assert box is not None and box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert _contrast(page, '[data-testid="login-submit"]') >= 4.5
    assert _contrast(page, ".lk-sign-in h1") >= 4.5
    log_in(page, "Bob", "wrong password")
    expect(page.get_by_role("alert").filter(has_text="password is wrong")).to_be_visible()
    assert _contrast(page, '.lk-sign-in [data-part="problem"]') >= 4.5


def test_an_invitation_from_the_team_page_to_a_new_account(visit: Open, address: str) -> None:
    lead = visit("/team")
    log_in(lead)
    lead.get_by_role("button", name="Make a link").click(timeout=20_000)
    link = lead.locator(".st-key-new-link-box code").inner_text(timeout=20_000).strip()
    assert re.fullmatch(re.escape(address) + r"/\?invitation=[\w-]{43}", link)
    guest = visit(link.removeprefix(address))
    expect(guest.get_by_role("heading", name="Welcome to texts")).to_be_visible(timeout=30_000)
    guest.get_by_test_id("login-name").fill(HOSTILE)
    guest.get_by_test_id("login-password").fill("a few long words")
    guest.get_by_test_id("login-again").fill("other words here")
    guest.get_by_test_id("login-submit").click()
    expect(guest.get_by_role("alert").filter(has_text="passwords differ")).to_be_visible()
    guest.get_by_test_id("login-again").fill("a few long words")
    guest.get_by_test_id("login-submit").click()
    expect_signed_in(guest)
    assert guest.url == f"{address}/"  # the code is not in the address any more
    guest.goto(f"{address}/account")
    expect(guest.get_by_text(f"{HOSTILE}, annotator", exact=True)).to_be_visible(timeout=20_000)
    lead.reload()
    expect(lead.get_by_text(HOSTILE, exact=True)).to_be_visible(timeout=20_000)
    assert lead.title() != "1" and guest.title() != "1"
    again = visit(link.removeprefix(address))
    expect(again.get_by_text("This invitation was used already")).to_be_visible(timeout=30_000)


def test_a_link_for_a_new_password_also_where_somebody_else_is_signed_in(visit: Open, home: Path) -> None:
    with Project.open(home) as project:
        project.team.add("Carl", "annotator", LEAD[1], actor="test")
        path = project.team.reset("Carl", actor="test").path
    page = visit("/")
    log_in(page, "Bob")
    expect_signed_in(page)
    page.goto(page.url.rstrip("/") + path)
    expect(page.get_by_text("You are signed in as Bob")).to_be_visible(timeout=20_000)
    expect(page.get_by_test_id("login-name")).to_have_value("Carl")
    page.get_by_test_id("login-password").fill("quite other words")
    page.get_by_test_id("login-again").fill("quite other words")
    page.get_by_test_id("login-submit").click()
    expect_signed_in(page)
    with Project.open(home) as project:
        assert project.team.sign_in("Carl", "quite other words")


def test_an_open_page_goes_to_the_sign_in_page_when_its_session_is_ended(visit: Open, home: Path) -> None:
    with Project.open(home) as project:
        project.team.add("Dora", "reviewer", LEAD[1], actor="test")
    page = visit("/account")
    log_in(page, "Dora")
    expect(page.get_by_text("Dora, reviewer")).to_be_visible(timeout=20_000)
    with Project.open(home) as project:
        project.team.deactivate("Dora", actor="test")
    expect(page.get_by_test_id("login-name")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Dora, reviewer")).to_have_count(0)
    log_in(page, "Dora")
    expect(page.get_by_role("alert").filter(has_text="password is wrong")).to_be_visible()


def test_the_own_password_is_changed(visit: Open, home: Path) -> None:
    with Project.open(home) as project:
        project.team.add("Emil", "annotator", LEAD[1], actor="test")
        other = project.team.sign_in("Emil", LEAD[1]).token
    page = visit("/account")
    log_in(page, "Emil")
    fields = {"password-old": LEAD[1], "password-new": "quite other words", "password-again": "quite other words"}
    for key, value in fields.items():
        page.locator(f".st-key-{key} input").fill(value, timeout=20_000)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("You were signed out in one other browser")).to_be_visible(timeout=20_000)
    for key in fields:
        expect(page.locator(f".st-key-{key} input")).to_have_value("")
    with Project.open(home) as project:
        assert project.team.session(other) is None and project.team.sign_in("Emil", "quite other words")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothingserious(visit: Open, home: Path, scheme: str) -> None:
    with Project.open(home) as project:
        path = project.team.invite("annotator", actor="test").path
    guest = visit(path, color_scheme=scheme)
    expect(guest.get_by_role("heading", name="Welcome to texts")).to_be_visible(timeout=30_000)
    assert serious(guest) == []
    page = visit("/team", color_scheme=scheme)
    log_in(page, LEAD[0], "wrong password")
    expect(page.get_by_role("alert").filter(has_text="password is wrong")).to_be_visible()
    assert serious(page) == []
    log_in(page)
    expect(page.get_by_role("heading", name="People")).to_be_visible(timeout=20_000)
    assert serious(page) == []
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("heading", name="Tokens for scripts")).to_be_visible(timeout=20_000)
    assert serious(page) == []


_LUMINANCE = """selector => {
  const element = document.querySelector(selector), style = getComputedStyle(element);
  let under = element, back = style.backgroundColor;
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const layers = [style.color];
  while (under) { layers.push(getComputedStyle(under).backgroundColor); under = under.parentElement; }
  const paint = colors => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = 'white'; canvas.fillRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const backs = layers.slice(1).reverse();
  return [paint([...backs, style.color]), paint(backs)];
}"""


def _contrast(page: Page, selector: str) -> float:
    """The contrast ratio of an element's text to what is behind it (WCAG 2.2)."""

    def luminance(rgb: list[int]) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(rgb) for rgb in page.evaluate(_LUMINANCE, selector)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
