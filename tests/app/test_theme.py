"""The theme's colours, against WCAG 2.2: text on them and on the page is read by everybody."""

from __future__ import annotations

import tomllib

import pytest

from tests.conftest import ROOT

THEMES = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
TEXT, GRAPHICS = 4.5, 3.0
CAPTION = 0.6
"""Opacity in which Streamlit writes captions."""


def rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


def luminance(colour: tuple[float, ...]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_are_read_on_what_is_behind_them(theme: str) -> None:
    own = {name: rgb(value) for name, value in THEMES[theme].items() if isinstance(value, str)}
    assert contrast((1.0, 1.0, 1.0), own["primaryColor"]) >= TEXT  # Streamlit's primary buttons
    for back in (own["backgroundColor"], own["secondaryBackgroundColor"]):
        assert contrast(own["textColor"], back) >= TEXT
        assert contrast(own["linkColor"], back) >= TEXT
        assert contrast(own["primaryColor"], back) >= GRAPHICS
        faded = tuple(CAPTION * ink + (1 - CAPTION) * paper for ink, paper in zip(own["textColor"], back, strict=True))
        assert contrast(faded, back) >= TEXT
    assert contrast(own["codeTextColor"], own["codeBackgroundColor"]) >= TEXT
