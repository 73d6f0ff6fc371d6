"""Nothing wrong is accepted in silence: every check names what was given and where."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import LabelModelError
from labelkit.labelmodels import label_model
from labelkit.labelmodels.validation import check_class_balance, check_gold, check_learnable, check_votes

L = np.array([[0, 1, -1], [1, 1, 0], [-1, -1, -1]])


@pytest.mark.parametrize(
    ("value", "message"),
    [(-2, "voted -2 on row 1"), (2, "voted 2 on row 1"), (100, "voted 100 on row 1"), (70_000, "voted 70000 on row 1")],
)
def test_votes_out_of_range_are_named(value: int, message: str) -> None:
    wrong = L.copy()
    wrong[1, 2] = value
    with pytest.raises(LabelModelError, match=f"labeling function 'c' {message}, expected -1 .abstain. or 0 to 1"):
        check_votes(wrong, 2, names=["a", "b", "c"])
    with pytest.raises(LabelModelError, match=f"labeling function 2 {message}"):
        check_votes(wrong, 2)


@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan"), (0.5, "0.5"), (np.inf, "inf"), (None, "None"), ("spam", "'spam'")]
)
def test_values_that_are_no_numbers_are_named(value: object, shown: str) -> None:
    wrong = L.astype(object if not isinstance(value, float) else float)
    wrong[2, 0] = value
    with pytest.raises(LabelModelError, match=f"labeling function 'a' voted {shown} on row 2"):
        check_votes(wrong, 2, names=["a", "b", "c"])


def test_whole_floats_and_booleans_are_refused() -> None:
    with pytest.raises(LabelModelError, match="holds float64 values, expected whole numbers"):
        check_votes(L.astype(float), 2)
    with pytest.raises(LabelModelError, match="voted True on row 0"):
        check_votes(np.ones((2, 3), dtype=bool), 2)


def test_shapes_are_checked() -> None:
    with pytest.raises(LabelModelError, match=r"has 1 dimension\(s\), expected 2"):
        check_votes(np.zeros(4, dtype=int), 2)
    with pytest.raises(LabelModelError, match="3 columns, but 2 labeling functions are named"):
        check_votes(L, 2, names=["a", "b"])
    with pytest.raises(LabelModelError, match="3 columns, but the label model was fitted on 5"):
        check_votes(L, 2, functions=5)


def test_good_votes_keep_their_values_in_the_smallest_type() -> None:
    for dtype in (np.int8, np.int16, np.int64):
        assert check_votes(L.astype(dtype), 2).dtype == np.int8
    assert check_votes(L, 1000).dtype == np.int16
    np.testing.assert_array_equal(check_votes(np.asfortranarray(L), 2), L)
    assert check_votes(np.zeros((0, 3)), 2).shape == (0, 3)


def test_unsigned_votes_are_votes() -> None:
    np.testing.assert_array_equal(check_votes(np.array([[0, 1]], dtype=np.uint8), 2), [[0, 1]])


def test_matrices_without_anything_to_learn() -> None:
    nothing = np.full((4, 3), -1)
    with pytest.raises(LabelModelError, match="every labeling function abstained on all 4 items"):
        check_learnable(nothing, minimum=1, model="majority")
    with pytest.raises(LabelModelError, match="there are no items"):
        check_learnable(nothing[:0], minimum=1, model="majority")


def test_too_few_functions_say_what_to_do() -> None:
    with pytest.raises(LabelModelError, match="needs at least three labeling functions, got 2") as caught:
        label_model("snorkel", cardinality=2).fit(L[:, :2])
    assert caught.value.hint is not None
    assert "majority" in caught.value.hint
    with pytest.raises(LabelModelError, match="needs at least one labeling function, got 0"):
        label_model("majority", cardinality=2).fit(L[:, :0])


def test_gold_is_checked() -> None:
    np.testing.assert_array_equal(check_gold([0, -1, 1], 3, 2), [0, -1, 1])
    with pytest.raises(LabelModelError, match=r"gold has shape \(2,\), expected \(3,\)"):
        check_gold(np.array([0, 1]), 3, 2)
    with pytest.raises(LabelModelError, match="gold is 2 on row 1"):
        check_gold(np.array([0, 2, 1]), 3, 2)
    with pytest.raises(LabelModelError, match="gold holds float64 values"):
        check_gold(np.array([0.0, np.nan, 1.0]), 3, 2)


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        ([0.5, 0.3, 0.2], "has 3 entries, expected 2"),
        ([1.0, 0.0], "is 0.0 for class 1, expected a share above 0"),
        ([1.2, -0.2], "is -0.2 for class 1"),
        ([float("nan"), 0.5], "is nan for class 0"),
        ([0.5, 0.4], "sums to 0.9, expected 1"),
        (["a", "b"], "expected 2 numbers"),
    ],
)
def test_class_balance_is_checked(balance: list[float], message: str) -> None:
    with pytest.raises(LabelModelError, match=message):
        label_model("snorkel", cardinality=2, class_balance=balance)


def test_class_balance_comes_back_as_given() -> None:
    assert check_class_balance([0.7, 0.3], 2).tolist() == [0.7, 0.3]
    assert check_class_balance([0.333, 0.333, 0.333], 3).tolist() == [0.333, 0.333, 0.333]
    assert check_class_balance(None, 4).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_epochs": 0}, "n_epochs is 0"),
        ({"n_epochs": 1.5}, "n_epochs is 1.5"),
        ({"lr": 0.0}, "lr is 0.0, expected a number above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"l2": -1.0}, "l2 is -1.0, expected a number of at least 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "less than 2"),
        ({"optimizer": "lbfgs"}, "optimizer is 'lbfgs', expected one of sgd, adam, adamax"),
        ({"mu_eps": 0.5}, "mu_eps is 0.5, expected less than 0.5"),
        ({"max_restarts": -1}, "max_restarts is -1"),
        ({"guard": 1}, "guard is 1, expected true or false"),
        ({"epochs": 3}, "has no option 'epochs'; its options are guard, n_epochs"),
    ],
)
def test_options_are_checked(options: dict[str, object], message: str) -> None:
    with pytest.raises(LabelModelError, match=message):
        label_model("snorkel", cardinality=2, **options)


@pytest.mark.parametrize("cardinality", [0, 1, 2.0, True, "2"])
def test_cardinality_is_checked(cardinality: object) -> None:
    with pytest.raises(LabelModelError, match="cardinality is"):
        label_model("majority", cardinality=cardinality)  # type: ignore[arg-type]


def test_what_numpy_would_not_read_as_a_label_matrix_is_refused() -> None:
    from scipy import sparse

    with pytest.raises(LabelModelError, match="differ in length"):
        check_votes([[0, 1], [0]], 2)
    with pytest.raises(LabelModelError, match="sparse csr_matrix, whose missing entries are zeros"):
        check_votes(sparse.csr_matrix(np.eye(3, dtype=np.int8)), 2)
    votes = np.array([[0, 1], [1, -1]], np.int8)
    with pytest.raises(LabelModelError, match="what lies under a mask is no vote"):
        check_votes(np.ma.masked_equal(votes, 0), 2)
    assert check_votes(np.ma.masked_equal(votes, 5), 2).tolist() == votes.tolist()
