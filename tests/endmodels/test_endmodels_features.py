"""Which fields become features, how they are called, and that rebuilding them changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.endmodels import FeatureFields, FeatureSet, features, fit_features
from labelkit.endmodels.profile import CategoryField, NumberField, TextField, UnusedField, profile
from labelkit.errors import EndModelError

N = 60


def table(**columns: Any) -> pa.Table:
    """Items with ids and the given columns."""
    n = len(next(iter(columns.values())))
    return pa.table({"id": [str(i) for i in range(n)], **columns})


def names(feature_set: FeatureSet, row: pa.Table) -> dict[str, float]:
    """What each non-zero feature of one item is called, and its value."""
    x = feature_set.matrix(row)
    return {feature_set.describe(int(j), row): float(v) for j, v in zip(x.indices, x.data, strict=True)}


def kinds(**columns: Any) -> Any:
    (name,) = columns
    return profile(table(**columns), name, wanted=False)


def test_kinds_of_fields() -> None:
    assert isinstance(kinds(plan=["free", "pro", "team"] * 20), CategoryField)
    assert isinstance(kinds(plan=pa.array(["free", "pro"] * 30).dictionary_encode()), CategoryField)
    assert isinstance(kinds(beta=[True, False, None] * 20), CategoryField)
    assert isinstance(kinds(amount=[7 * i % N for i in range(N)]), NumberField)
    assert isinstance(kinds(amount=[f" {7 * i % N}.5 " for i in range(N)]), NumberField)
    assert isinstance(kinds(amount=["n/a", *(str(7 * i % N) for i in range(N - 1))]), NumberField)
    for nothing in (
        kinds(note=[f"something else {i}" for i in range(N)]),
        kinds(day=[dt.date(2026, 1, 1)] * N),
        kinds(tags=[["a"], ["b"]] * 30),
        kinds(one=["same"] * N),
        kinds(zero=[0] * N),
        kinds(void=[None] * N),
        kinds(blank=["", None] * 30),
        kinds(place=list(range(N))),
        kinds(customer_id=list(range(N))),
        kinds(userId=[str(i) for i in range(N)]),
    ):
        assert isinstance(nothing, UnusedField)
        assert nothing.reason


def test_a_named_field_is_used_though_it_looks_useless() -> None:
    assert isinstance(profile(table(order_id=list(range(N))), "order_id", wanted=True), NumberField)
    subject = [f"word{i} shared" for i in range(N)]
    assert isinstance(profile(table(subject=subject), "subject", wanted=True), TextField)
    made = fit_features(table(text=["x"] * N, subject=subject), FeatureFields(include=["subject"]))
    assert 'subject: "shared"' in names(made, table(text=["x"], subject=["shared"]))


def test_rare_values_share_one_category_and_unseen_ones_have_it_too() -> None:
    made = fit_features(table(plan=["free", "pro"] * 29 + ["gold", "lead"]), FeatureFields(text=False))
    assert names(made, table(plan=["gold"])) == {"plan = (other)": 1.0}
    assert names(made, table(plan=["never seen"])) == {"plan = (other)": 1.0}
    assert names(made, table(plan=["pro"])) == {"plan = pro": 1.0}


def test_missing_values_are_features_of_their_own() -> None:
    made = fit_features(table(plan=["free", None] * 30, amount=[1.0, 2.0, None] * 20), FeatureFields(text=False))
    assert names(made, table(plan=[None], amount=[float("nan")])) == {"plan is missing": 1.0, "amount is missing": 1.0}
    assert "amount = 2" in names(made, table(plan=["free"], amount=["2"]))


def test_a_literal_value_like_our_own_words_does_no_harm() -> None:
    made = fit_features(table(plan=["(other)", "(missing)", "a"] * 20), FeatureFields(text=False))
    assert names(made, table(plan=["(other)"])) == {"plan = (other)": 1.0}


def test_numbers_are_scaled_and_clipped() -> None:
    made = fit_features(table(amount=[0.0, 10.0] * 30), FeatureFields(text=False))
    x = made.matrix(table(amount=[0.0, 10.0, 1e12, -1e12])).toarray()[:, 0]
    np.testing.assert_allclose(x, [-1, 1, 10, -10])


def test_columns_that_a_later_table_lacks_or_types_otherwise() -> None:
    made = fit_features(table(text=["hello you"] * N, amount=[1, 2] * 30, plan=["1", "x"] * 30))
    assert made.matrix(table(text=["hello"])).shape == (1, made.width)
    drifted = pa.table({"id": ["0"], "text": [None], "amount": ["2"], "plan": [1]})
    assert set(names(made, drifted)) == {"amount = 2", "plan = 1"}
    nested = pa.table({"id": ["0"], "plan": [["x"]], "amount": [dt.date(2026, 1, 1)]})
    assert made.matrix(nested).shape == (1, made.width)


def test_ids_gold_and_splits_are_never_features() -> None:
    leaky = pa.table({"id": ["a", "b"] * 30, "gold": [0, 1] * 30, "split": ["x", "y"] * 30, "plan": ["p", "q"] * 30})
    made = fit_features(leaky)
    assert set(names(made, leaky.slice(0, 1))) == {"plan = p"}
    with pytest.raises(EndModelError, match="'gold' cannot be a feature"):
        fit_features(leaky, FeatureFields(include=["gold"]))


def test_choosing_fields() -> None:
    full = table(text=["hello there"] * N, plan=["free", "pro"] * 30, amount=[1, 2] * 30)
    row = full.slice(0, 1)
    assert set(names(fit_features(full, FeatureFields(text=False, exclude=["plan"])), row)) == {"amount = 1"}
    assert set(names(fit_features(full, FeatureFields(text=False, include=["plan"])), row)) == {"plan = free"}
    for wrong in (FeatureFields(include=["paln"]), FeatureFields(exclude=["paln"])):
        with pytest.raises(
            EndModelError, match="no field 'paln' to use or leave out; the fields are text, plan, amount"
        ):
            fit_features(full, wrong)
    with pytest.raises(EndModelError, match="no usable features: text is off and no field is used"):
        fit_features(full, FeatureFields(text=False, include=[]))


@pytest.mark.parametrize("texts", [[""] * N, [None] * N, [" \n "] * N])
def test_texts_without_words(texts: list[str | None]) -> None:
    with pytest.raises(EndModelError, match="no item has a word"):
        fit_features(table(text=pa.array(texts, pa.string())))
    made = fit_features(table(text=pa.array(texts, pa.string()), plan=["a", "b"] * 30))
    assert made.notes == ("the text is not used: no item has a word",)


def test_words_signs_and_letters_have_names() -> None:
    made = fit_features(table(text=["Refund now !", "refund me", "what ?"] * 20))
    found = names(made, table(text=["refund now !"]))
    assert {'text: "refund"', 'text: "refund now"', 'text: "!"', 'text: letters "efun"'} <= set(found)
    assert made.matrix(table(text=["refund"])).dtype == np.float32


def test_characters_where_texts_are_short_and_items_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def uses_letters(texts: list[str], **options: Any) -> bool:
        made = fit_features(table(text=texts), FeatureFields(**options))
        return any("letters" in made.describe(j, table(text=[""])) for j in range(made.width))

    short, long = ["a short message"] * N, ["a rather long message of many words " * 5] * N
    assert uses_letters(short)
    assert not uses_letters(long)
    assert uses_letters(long, characters=True)
    assert not uses_letters(short, characters=False)
    monkeypatch.setattr(features, "CHARACTER_ROWS", N - 1)
    assert not uses_letters(short)


def test_large_tables_are_sampled_with_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "VOCABULARY_ROWS", 50)
    many = table(text=[f"word{i} word{i % 40}" for i in range(400)])
    one, same, other = (fit_features(many, seed=seed).state()[0] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_the_number_of_features_is_bounded() -> None:
    assert fit_features(table(text=[f"word{i} other{i}" for i in range(N)]), max_features=10).width == 10


def test_no_items_and_a_wrong_matrix() -> None:
    with pytest.raises(EndModelError, match="no items"):
        fit_features(table(text=pa.array([], pa.string())))
    made = fit_features(table(text=["hello"] * N))
    with pytest.raises(EndModelError, match="columns"):
        made.matrix(made.matrix(table(text=["hello"]))[:, :1])


values = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["free", "pro", "1", "2.5", "(other)"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(values, values, st.one_of(st.none(), st.floats(width=32))), min_size=2, max_size=40))
def test_rebuilt_from_json_gives_the_same_matrix(rows: list[tuple[Any, Any, Any]]) -> None:
    texts, plans, amounts = (list(column) for column in zip(*rows, strict=True))
    given_table = table(
        text=pa.array(texts, pa.string()), plan=pa.array(plans, pa.string()), amount=pa.array(amounts, pa.float64())
    )
    try:
        made = fit_features(given_table)
    except EndModelError:
        return
    state, arrays = made.state()
    again = FeatureSet.from_state(json.loads(json.dumps(state)), arrays)
    one, two = made.matrix(given_table), again.matrix(given_table)
    assert one.shape == (len(rows), made.width)
    assert np.isfinite(one.data).all()
    np.testing.assert_array_equal(one.toarray(), two.toarray())
    assert [made.describe(j, given_table.slice(0, 1)) for j in range(made.width)] == [
        again.describe(j, given_table.slice(0, 1)) for j in range(made.width)
    ]


def test_a_row_number_is_left_out_but_a_number_that_starts_again_is_not() -> None:
    table = pa.table({"row": list(range(200)), "day": [i % 50 for i in range(200)]})
    assert isinstance(profile(table, "row", wanted=False), UnusedField)
    assert isinstance(profile(table, "day", wanted=False), NumberField)


def test_of_a_very_long_text_the_beginning_counts() -> None:
    long = "refund " * 20_000
    table = pa.table({"id": ["a", "b", "c", "d"], "text": [long + "zebra", long, "refund please", "a zebra"]})
    matrix = fit_features(table, FeatureFields(characters=False)).matrix(table)
    assert (matrix[0] != matrix[1]).nnz == 0
    assert matrix[0].nnz > 0 and matrix[3].nnz > 0
