"""The next steps in words: true to the figures, and in an order that a person can work down."""

from __future__ import annotations

import math
from dataclasses import replace

from labelkit.analysis import wilson
from labelkit.analysis.advice import next_steps
from labelkit.analysis.buckets import DecisionBucket, VoteBucket
from labelkit.analysis.conflicts import Conflict
from labelkit.analysis.errors import FunctionErrors
from labelkit.analysis.findings import Findings, share_in_words
from labelkit.analysis.uncovered import Trait, UncoveredCluster

NAN = math.nan


def function(name: str = "kw_check", right: int = 0, n: int = 0, chance: float = 0.5) -> FunctionErrors:
    buckets = (VoteBucket("ham", "spam", n - right, ("a17", "b3", "c4", "d5")),) if n > right else ()
    return FunctionErrors(
        name=name, votes=100, votes_anywhere=True, accuracy=wilson(right, n), chance=chance if n else NAN,
        others=NAN, others_items=0, others_by_chance=NAN, changed=5, changed_majority=5, helped=0, hurt=0,
        contained_in=(), buckets=buckets,
    )  # fmt: skip


EMPTY = Findings(
    items=1000, uncovered=0, known=100, functions=(), decisions=(), conflicts=(), clusters=(), voteless=(),
    decider="majority vote",
)  # fmt: skip


def sentence(found: Findings, kind: str) -> str:
    (step,) = next_steps(found)
    assert step.kind == kind
    return step.sentence


def of(*functions: FunctionErrors, known: int = 100) -> Findings:
    return replace(EMPTY, functions=functions, known=known)


def test_nothing_wrong_nothing_to_do() -> None:
    assert next_steps(of(function(right=30, n=40))) == ()


def test_worse_than_chance_and_mostly_wrong() -> None:
    told = sentence(of(function(right=12, n=40)), "worse_than_chance")
    assert told == (
        "`kw_check` is right on 12 of 40 known items (30.0% [18, 45]), less than by chance (50.0%): narrow it or"
        " delete it; start with a17, b3, c4"
    )
    rare = sentence(of(function(right=12, n=40, chance=0.1)), "mostly_wrong")
    assert "wrong more often than right (chance 10.0%)" in rare
    assert next_steps(of(function(right=2, n=5))) == ()  # five items prove nothing


def test_a_function_that_turns_known_items_wrong_does_harm() -> None:
    assert "majority vote would get 12 more known items right and 2 more wrong" in sentence(
        of(replace(function(right=30, n=40), helped=2, hurt=12)), "does_harm"
    )
    assert next_steps(of(replace(function(right=30, n=40), helped=2, hurt=4))) == ()


def test_without_known_labels_it_is_an_estimate() -> None:
    doubtful = replace(function(), others=0.2, others_items=50, others_by_chance=0.5)
    told = sentence(of(doubtful), "doubtful")
    assert "20.0% on 50 items, less than by chance (50.0%; an estimate" in told
    assert next_steps(of(replace(doubtful, others_items=3))) == ()
    assert next_steps(of(replace(doubtful, others=0.6))) == ()
    (unknown,) = next_steps(of(function(), known=0))
    assert unknown.kind == "no_known_labels"


def conflict(right: int, other: int, n: int) -> Conflict:
    return Conflict("a", "spam", "b", "ham", 83, 31.4, wilson(right, n), wilson(other, n), ("x1",))


def test_who_should_yield_in_a_conflict() -> None:
    def told(*figures: int) -> str:
        return sentence(replace(EMPTY, conflicts=(conflict(*figures),)), "conflict")

    assert told(19, 1, 20) == (
        "`a` (spam) and `b` (ham) conflict on 83 items and cost about 31 labels there; of 20 known ones `a` is right"
        " on 19, `b` on 1: make `b` abstain where `a` votes spam; start with x1"
    )
    assert "make `a` abstain where `b` votes ham" in told(1, 19, 20)
    assert "see what tells the two cases apart" in told(10, 10, 20)
    assert "narrow both" in told(2, 3, 20)
    assert "label some of them to see who is right" in told(0, 0, 0)


def trait(term: str, right: int, n: int, label: str | None = "spam") -> Trait:
    return Trait(term, 0.6, 0.02, 30.0, label if n else None, wilson(right, n), 0.5 if n else NAN)


def test_which_function_reaches_uncovered_items() -> None:
    def told(*traits: Trait, known: dict[str, int] | None = None) -> str:
        cluster = UncoveredCluster(40, traits, ("u1", "u2"), known or {})
        return sentence(replace(EMPTY, uncovered=40, clusters=(cluster,)), "uncovered")

    assert told(trait("txt", 18, 20), known={"spam": 9, "ham": 1}) == (
        "No function votes on 40 items marked by `txt` (9 of 10 known are spam): write a function for spam on `txt`,"
        " which is in 60.0% of them; of 20 known items with it, 18 are spam (90.0% [70, 97]); start with u1, u2"
    )
    assert "none of which tells the class: read some" in told(trait("the", 11, 20), known={"spam": 9, "ham": 1})
    # what is spam elsewhere is not what these are
    assert "none of which tells the class" in told(trait("txt", 18, 20), known={"spam": 1, "ham": 9})
    assert "on `win`" in told(trait("the", 11, 20), trait("win", 20, 20))
    assert "write a function for `txt`, which is in 60.0% of them and in 2.0% of the other items" in told(
        trait("txt", 0, 0)
    )
    assert "that no word or value marks: read some" in told()


def test_uncovered_items_are_counted_where_they_were_not_grouped() -> None:
    told = sentence(replace(EMPTY, uncovered=620, clusters=None), "uncovered")
    assert "No function votes on 620 of 1,000 items (62.0%)" in told
    assert "`labelkit errors --uncovered`" in told
    assert next_steps(replace(EMPTY, clusters=None)) == ()


def test_classes_that_are_taken_for_others_or_never_voted_for() -> None:
    decisions = (
        DecisionBucket("ham", "spam", True, 31, ("m1",), (("kw", 20),)),
        DecisionBucket("ham", "ham", True, 29, ()),
        DecisionBucket("ham", None, False, 40, ()),
        DecisionBucket("rare", "ham", True, 2, ("r1",)),
    )
    found = replace(EMPTY, decisions=decisions, voteless=("rare",))
    misread, voteless = next_steps(found)
    assert misread.sentence == (
        "31 of 100 known ham items (31.0% [23, 41]) are labeled spam by majority vote: narrow `kw`, which votes spam"
        " on 20 of them, or write one for ham that votes there; start with m1"
    )
    assert voteless.sentence == "No function votes for rare: write one; start with r1"


def test_functions_that_could_go_are_named_once() -> None:
    silent = replace(function("silent"), votes=0, votes_anywhere=False, changed=0, changed_majority=0)
    rare = replace(function("rare"), votes=0)
    copy = replace(function("copy"), contained_in=("first", "second"), changed=0, changed_majority=0)
    idle = [replace(function(f"idle{i}"), changed=0, changed_majority=0) for i in range(7)]
    steps = {step.kind: step for step in next_steps(of(silent, rare, copy, *idle))}
    assert set(steps) == {"silent", "nearly_silent", "contained", "never_decides"}
    assert steps["silent"].sentence == "`silent` votes on no item: widen or delete it"
    assert steps["nearly_silent"].sentence.startswith("`rare` votes on at most 0 of 1,000 items")
    assert steps["contained"].functions == ("copy", "first", "second")
    assert "`idle4` and 2 more never decide: removing any one of them" in steps["never_decides"].sentence
    assert steps["never_decides"].functions == tuple(f"idle{i}" for i in range(7))
    assert next_steps(of(replace(function("f"), changed=0))) == ()  # majority vote would change


def test_every_kind_has_its_turn() -> None:
    bad = [replace(function(f"bad{i}", 0, 40), votes=100 - i) for i in range(3)]
    idle = replace(function("idle"), changed=0, changed_majority=0)
    found = replace(of(*bad, idle), conflicts=(conflict(1, 19, 20), conflict(10, 10, 20)))
    assert [step.kind for step in next_steps(found)] == [
        "worse_than_chance", "conflict", "worse_than_chance", "conflict", "never_decides", "worse_than_chance",
    ]  # fmt: skip
    assert next_steps(found) == next_steps(found)


def test_a_share_lies_within_its_interval_as_told() -> None:
    assert share_in_words(wilson(8, 4_380)) == "0.2% [0.1, 0.4]"
    assert share_in_words(wilson(3, 10)) == "30.0% [11, 60]"
