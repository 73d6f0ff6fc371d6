"""Declarations that let a classifier vote where it is sure enough."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from labelkit.lf.base import (
    Declaration,
    FunctionKind,
    Label,
    Resolve,
    check_field,
    check_label,
    check_name,
    declare,
    refusal,
)
from labelkit.lf.collector import declaration_site
from labelkit.lf.files import find_file

_PICKLES: Final = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin"})


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelFunction(Declaration):
    """Votes a class where a classifier gives it at least ``threshold``."""

    kind: ClassVar[FunctionKind] = "model"
    predict: Callable[[list[str]], Any]
    model: Any
    threshold: float
    label: Label | None
    classes: tuple[Label, ...] | None
    batch_size: int
    content: str | None
    shown: str

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        return {
            "field": self.field,
            "model": self.content or self.model,
            "threshold": self.threshold,
            "label": None if self.label is None else resolve(self.label),
            "classes": None if self.classes is None else [resolve(label) for label in self.classes],
        }

    def __str__(self) -> str:
        wanted = "" if self.label is None else f", label={self.label!r}"
        return f"model({self.name!r}, {self.shown}, threshold={self.threshold}{wanted}, field={self.field!r})"


def model(
    name: str,
    predict: Any,
    *,
    threshold: float = 0.8,
    label: Label | None = None,
    classes: Sequence[Label] | Mapping[Any, Label] | None = None,
    field: str = "text",
    batch_size: int = 1024,
) -> ModelFunction:
    """Declare a labeling function that votes with a classifier.

    Parameters
    ----------
    name
        Unique in the project.
    predict
        An object with ``predict_proba`` (any fitted scikit-learn classifier of texts), a function from
        a list of texts to probabilities, or the path of a model saved with skops. Probabilities have
        shape (n, k), or (n,) for the one class ``label``.
    threshold
        The smallest probability, above 0 and at most 1, with which the most probable class is voted.
    label
        Vote only this class (wherever its probability reaches the threshold).
    classes
        The class of each column of probabilities, or a mapping from the model's own classes. Without it,
        the model's ``classes_`` are taken for names or numbers of classes.
    field
        The field that the model reads, as text; items without it abstain.
    batch_size
        Texts handed over at a time.

    Raises
    ------
    LabelingFunctionError
        If the name, the model, the threshold or a label cannot be used.

    Examples
    --------
    >>> sure = model("thanks", lambda texts: ["thank" in t for t in texts], label="praise", threshold=0.9)
    >>> sure.threshold
    0.9
    """
    _check(name, threshold, batch_size)
    given = _given(name, predict)
    return declare(
        ModelFunction(
            name=name,
            field=check_field("model", name, field),
            predict=_callable(name, given.model),
            model=given.model,
            threshold=float(threshold),
            label=None if label is None else check_label("model", name, label),
            classes=_classes(name, given.model, classes, label),
            batch_size=batch_size,
            content=given.content,
            shown=given.shown,
            site=declaration_site(),
        )
    )


class _Given(NamedTuple):
    """A model, the digest of the file that it came from, if any, and how it is shown."""

    model: Any
    content: str | None
    shown: str


def _given(name: str, predict: Any) -> _Given:
    if isinstance(predict, (str, Path)):
        return _Given(*_load(name, predict), repr(predict))
    return _Given(predict, None, str(getattr(predict, "__qualname__", None) or type(predict).__qualname__))


def _callable(name: str, predict: Any) -> Any:
    """What is called with a list of texts."""
    call = getattr(predict, "predict_proba", None) or predict
    if not callable(call) or isinstance(predict, type):
        raise refusal("model", name, f"needs an object with predict_proba, a function or a path, not {predict!r}")
    return call


def _check(name: str, threshold: object, batch_size: object) -> None:
    check_name("model", name)
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
        raise refusal("model", name, f"needs a threshold above 0 and at most 1, not {threshold!r}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise refusal("model", name, f"needs a batch_size of at least 1, not {batch_size!r}")


def _classes(
    name: str, predict: Any, given: Sequence[Label] | Mapping[Any, Label] | None, label: Label | None
) -> tuple[Label, ...] | None:
    own = getattr(predict, "classes_", None)
    known = None if own is None else [value.item() if hasattr(value, "item") else value for value in own]
    if isinstance(given, Mapping):
        if known is None:
            raise refusal("model", name, "needs classes= as a list, since the model has no classes_ of its own")
        missing = [value for value in known if value not in given]
        if missing:
            raise refusal("model", name, f"has no entry in classes= for the model's class {missing[0]!r}")
        return tuple(check_label("model", name, given[value]) for value in known)
    if given is not None:
        if isinstance(given, str) or not given:
            raise refusal("model", name, f"needs classes= to be a list of classes, not {given!r}")
        if known is not None and len(known) != len(given):
            raise refusal("model", name, f"has {len(given)} classes= for a model with {len(known)}")
        return tuple(check_label("model", name, value) for value in given)
    if known is not None:
        bad = [value for value in known if isinstance(value, (bool, float))]
        if bad:
            hint = "Say which classes they are: classes={False: ..., True: ...}"
            raise refusal(
                "model", name, f"has the class {bad[0]!r} in its model, which is no name or number", hint=hint
            )
        return tuple(check_label("model", name, value) for value in known)
    if label is None:
        raise refusal("model", name, "does not say what its probabilities are for", hint="Say label= or classes=")
    return None


def _load(name: str, given: str | Path) -> tuple[Any, str]:
    """A model from a file, and the digest of the file's content."""
    path = find_file("model", name, given)
    if path.suffix.lower() in _PICKLES:
        raise refusal(
            "model",
            name,
            f"names {path.name}, a kind of file that can run any code when it is opened",
            hint="Save the model with skops.io.dump(model, 'model.skops')",
        )
    try:
        reader = import_module("skops.io")
    except ImportError:
        raise refusal(
            "model", name, f"names the file {path.name}, which skops reads", hint="Run pip install skops"
        ) from None
    try:
        return reader.load(path), hashlib.sha256(path.read_bytes()).hexdigest()
    except Exception as error:  # skops raises what its many readers raise
        raise refusal("model", name, f"cannot be loaded from {path.name}: {type(error).__name__}: {error}") from error
