"""A report as HTML: hostile texts stay texts, long tables stay short, and anybody can read it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labelkit.report
from labelkit.report import (
    Bar,
    Block,
    CurvePoint,
    Facts,
    Figure,
    Figures,
    Flags,
    Gap,
    Group,
    Heat,
    Histogram,
    Items,
    Measured,
    Missing,
    Names,
    Number,
    Reliability,
    Report,
    Section,
    Share,
    Steps,
    Table,
    Words,
    render,
)
from labelkit.types import Estimate
from tests.report_page import Page, problems

TAGS = (
    "html head meta title style body a header h1 h2 h3 h4 p nav ol ul li main section div dl dt dd table caption thead"
    " tbody tr th td span code bdi wbr q abbr strong figure figcaption details summary svg g path rect circle text desc"
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</style><script>1</script>",
    "</title></svg><script>1</script>",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; &amp;",
    "nul \x00 bell \x07 escape \x1b[31m",
    "lone \ud800 and \udfff surrogates",
    "turn \u202e around \u2066",
    "מספר 123 طلب",
    "`code <b>` and ``",
    "]]> --> <!-- x",
]


def every_kind(text: str) -> Report:
    """A report in which every field that can hold a text holds this one."""
    share = Estimate(0.8, 0.7, 0.9, 100)
    cells = [
        text, 3, None, Share(0.5), Measured(share, 0.5), Gap(-0.1, -0.2, 0.0, True, 7), Number(1.5), Names([text] * 9),
        Flags([(text, "bad")]), Items([(text, text)]), Bar(3, 9),
    ]  # fmt: skip
    blocks: list[Block] = [
        Words(text),
        Steps([text] * 3, most=2, rest=text),
        Facts([(text, cell) for cell in cells]),
        Figures([Figure(text, text, text)]),
        Table(text, [f"{text}{at}" for at in range(len(cells))], [cells, cells], frozenset({text}), 1, text, text),
        Heat(text, text, text, [text], [text, "no vote"], {(text, text): 3, (text, "no vote"): 1}, ["no vote"]),
        Reliability(text, [CurvePoint(0.5, 0.7, 0.6, share)]),
        Histogram(text, text, [1, 2, 3]),
        Missing(text, text),
        Items([(text, text)]),
        Group(text, [Words(text)]),
    ]
    return Report(text, text, [Section("one", text, [*blocks, Group(text, blocks, beside=True)], text)])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_only_ever_text(text: str) -> None:
    html = render(every_kind(text))
    page = Page(html)
    assert {element.tag for element in page.elements} <= set(TAGS.split())
    own = [element for element in page.elements if element.tag not in ("wbr", "code")]
    plain = [element for element in Page(render(every_kind("x"))).elements if element.tag not in ("wbr", "code")]
    assert [element.tag for element in own] == [element.tag for element in plain]
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name in ("src", "style")]
    html.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_is_only_ever_text(text: str) -> None:
    page = Page(render(every_kind(text)))
    assert {element.tag for element in page.elements} <= set(TAGS.split())
    assert "script" not in {element.tag for element in page.elements}
    assert not problems(page)


def test_what_is_written_is_what_is_read() -> None:
    text = 'a < b & c > "d" 50% {{ x }} &lt; ü 🙂 שלום'
    page = Page(render(every_kind(text)))
    assert page.all("title")[0].text == text
    assert page.all("h1")[0].text == text
    assert [q.text for q in page.all("q")] == [text] * len(page.all("q"))
    names = [bdi.text for bdi in page.all("bdi")]
    assert set(names) == {text, "no vote"}


def test_hidden_characters_are_written_out() -> None:
    page = Page(render(Report("\x00 \ud800 \u202e", "")))
    assert page.all("h1")[0].text == r"\x00 \ud800 \u202e"


def test_names_and_items_have_a_direction_of_their_own() -> None:
    html = render(every_kind("שלום world"))
    assert "<bdi>שלום world" in html.replace("<wbr>", "")
    assert '<q dir="auto">שלום world</q>' in html


def test_the_structure_can_be_read_aloud() -> None:
    assert problems(Page(render(every_kind("text")))) == []


def test_nothing_is_loaded_and_nothing_runs() -> None:
    html = render(every_kind("text"))
    page = Page(html)
    policy = next(m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes)
    digest = base64.b64encode(hashlib.sha256(page.all("style")[0].text.encode()).digest()).decode()
    assert policy is not None
    assert "default-src 'none'" in policy and f"'sha256-{digest}'" in policy and "unsafe" not in policy
    assert not re.search(r"https?:|//|url\(|@import|javascript:|@font-face", html)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(every_kind("text")) == render(every_kind("text"))


def test_long_texts_are_cut() -> None:
    html = render(every_kind("x" * 100_000))
    assert len(html) < 200_000
    assert "…" in html


def test_large_tables_are_cut_and_say_so() -> None:
    names = [f"class {number:04}" for number in range(1_000)]
    counts = {(a, b): 1 + (a == b) for a in names[:300] for b in names[:300]}
    rows = [[f"function {number}", Measured(Estimate(0.5, 0.4, 0.6, 9))] for number in range(600)]
    heat = Heat("confusion", "known", "labeled", names, names, counts, rest="`labelkit errors --json` has them all")
    table = Table("functions", ["function", "right"], rows, most=100, rest="`labelkit lfs` shows them all")
    html = render(Report("large", "", [Section("one", "one", [heat, table])]))
    page = Page(html)
    assert len(html) < 500_000
    assert "and 280 more: labelkit errors --json has them all" in page.text
    assert "and 500 more: labelkit lfs shows them all" in page.text
    assert page.text.count("function ") < 110
    sizes = [int(cell.text.split()[0]) for cell in page.all("td") if cell.text.split()[:1] == ["301"]]
    assert len(sizes) == 20  # the row totals: nothing was lost in "other classes"


def test_without_figures_there_are_dashes() -> None:
    nan, none = float("nan"), Estimate(float("nan"), 0.0, 1.0, 0)
    cells = [None, Share(nan), Measured(none), Gap(nan, nan, nan), Number(nan), Bar(0, 0), Names([]), Items([])]
    blocks: list[Block] = [
        Facts([("x", cell) for cell in cells]), Reliability("empty", []), Histogram("empty", "x", []),
        Heat("empty", "a", "b", [], [], {}), Table("empty", ["a", "b"], []),
    ]  # fmt: skip
    page = Page(render(Report("empty", "", [Section("one", "one", blocks)])))
    assert "nan" not in page.text
    assert page.text.count("–") >= 4


# ------------------------------------------------------------------ contrast


def colours() -> list[dict[str, str]]:
    """The variables of the style sheet: light, dark, print."""
    css = (Path(labelkit.report.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    assert len(blocks) == 3
    return [dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in blocks]


def rgb(value: str) -> tuple[float, ...]:
    if value.startswith("#"):
        return tuple(int(value[at : at + 2], 16) for at in (1, 3, 5))
    return tuple(float(part) for part in value.split(","))


def luminance(colour: tuple[float, ...]) -> float:
    parts = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2])
def test_contrast_of_texts_and_drawings(theme: int) -> None:
    own = colours()[theme]
    pairs = [
        ("ink", "paper"),
        ("ink", "card"),
        ("soft", "paper"),
        ("soft", "card"),
        ("link", "paper"),
        ("link", "card"),
    ]
    pairs += [("good-ink", "good"), ("bad-ink", "bad"), ("warn-ink", "warn")]
    for text, ground in pairs:
        assert contrast(rgb(own[text]), rgb(own[ground])) >= 4.5, (text, ground)
    for drawn, ground in [
        ("strong", "paper"),
        ("strong", "bar"),
        ("mark", "bar"),
        ("soft", "paper"),
        ("strong", "below"),
    ]:
        assert contrast(rgb(own[drawn]), rgb(own[ground])) >= 2, (drawn, ground)


@pytest.mark.parametrize("theme", [0, 1, 2])
def test_contrast_of_heat_cells(theme: int) -> None:
    own = colours()[theme]
    css = (Path(labelkit.report.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    steps = re.findall(r"\.\w+\.l\d \{ background: rgba\(var\(--(\w+)\), ([\d.]+)\); \}", css)
    assert len(steps) == 18
    for name, share in steps:
        paper, colour, alpha = rgb(own["paper"]), rgb(own[name]), float(share)
        ground = tuple(alpha * c + (1 - alpha) * p for c, p in zip(colour, paper, strict=True))
        assert contrast(rgb(own["ink"]), ground) >= 4.5, (name, share)
