"""The settings of one fit of Snorkel's label model: checked, with Snorkel's names and meanings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.validation import check_number, check_whole

OPTIMIZERS: Final = ("sgd", "adam", "adamax")
SCHEDULERS: Final = ("constant", "linear", "exponential", "step")
SEED_LIMIT: Final = 2**32

_OPTIMIZER_CONFIG: Final[Mapping[str, Any]] = {
    "sgd_config": {"momentum": None},
    "adam_config": {"amsgrad": None, "betas": None},
    "adamax_config": {"betas": None, "eps": None},
}
_SCHEDULER_CONFIG: Final[Mapping[str, Any]] = {
    "warmup_steps": None,
    "warmup_unit": None,
    "warmup_percentage": None,
    "min_lr": None,
    "exponential_config": {"gamma": None},
    "step_config": {"gamma": None, "step_size": None},
}
"""What Snorkel 0.10's configurations hold; it answers an unknown name with an AttributeError about something else."""


class SnorkelRefusal(LabelModelError, ValueError):
    """What Snorkel refuses with a ValueError, and what it should; code that catches that goes on working."""


class SnorkelTypeRefusal(LabelModelError, TypeError):
    """What Snorkel refuses with a TypeError."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of Snorkel's ``LabelModel.fit``; the class balance is not among them.

    Attributes
    ----------
    n_epochs, lr, l2, optimizer, lr_scheduler, seed, log_freq, mu_eps
        As in Snorkel.
    optimizer_config, lr_scheduler_config
        Nested dicts (or Snorkel's configuration objects) with Snorkel's names; None for its defaults.
    prec_init
        P(class y | the function votes y) that training starts from: a number, or one for each function
        (list, array or tensor).
    """

    n_epochs: int
    lr: float = 0.01
    l2: float = 0.0
    optimizer: str = "sgd"
    optimizer_config: Any = None
    lr_scheduler: str = "constant"
    lr_scheduler_config: Any = None
    prec_init: Any = 0.7
    seed: int = 0
    log_freq: int = 10
    mu_eps: float | None = None

    def __post_init__(self) -> None:
        check_whole("n_epochs", self.n_epochs, least=1)
        check_number("lr", self.lr, above=0.0)
        check_number("l2", self.l2, least=0.0)
        check_whole("seed", self.seed)
        if self.seed >= SEED_LIMIT:
            raise LabelModelError(f"seed is {self.seed}, expected less than 2**32")
        check_whole("log_freq", self.log_freq, least=1)
        if self.mu_eps is not None:
            check_number("mu_eps", self.mu_eps, above=0.0)
            if self.mu_eps >= 0.5:
                raise LabelModelError(f"mu_eps is {self.mu_eps!r}, expected less than 0.5")
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("lr_scheduler", self.lr_scheduler, SCHEDULERS)
        self.precisions()
        plain_config("optimizer_config", self.optimizer_config, _OPTIMIZER_CONFIG)
        self._check_warmup(plain_config("lr_scheduler_config", self.lr_scheduler_config, _SCHEDULER_CONFIG))

    def replaced(self, changes: Mapping[str, Any]) -> Self:
        """These settings with some changed for one fit.

        Raises
        ------
        SnorkelRefusal
            If there is no such setting.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise SnorkelRefusal(f"fit has no setting {name!r}; its settings are {', '.join(known)}")
        return replace(self, **changes)

    def precisions(self) -> float | list[float]:
        """``prec_init`` as a number or a list of numbers; tensors too, which Snorkel takes and then trips over."""
        given = self.prec_init.tolist() if hasattr(self.prec_init, "tolist") else self.prec_init
        if isinstance(given, Sequence) and not isinstance(given, str):
            for value in given:
                check_number("prec_init", value, above=0.0)
            return [float(value) for value in given]
        if not isinstance(given, (int, float)):
            raise SnorkelTypeRefusal(
                f"prec_init is of type {type(given)} which is not supported currently.",
                hint="Give a number, or a list of one for each labeling function",
            )
        check_number("prec_init", given, above=0.0)
        return float(given)

    def check_functions(self, functions: int) -> None:
        """Refuse a ``prec_init`` that has not one entry for each of so many functions."""
        given = self.precisions()
        if isinstance(given, list) and len(given) != functions:
            raise SnorkelRefusal(f"prec_init must have shape {functions}: one number for each, got {len(given)}")

    @property
    def constant_rate(self) -> bool:
        """Whether the learning rate stays as it is."""
        config = plain_config("lr_scheduler_config", self.lr_scheduler_config, _SCHEDULER_CONFIG)
        return self.lr_scheduler == "constant" and not (config.get("warmup_steps") or config.get("warmup_percentage"))

    def for_snorkel(self) -> dict[str, Any]:
        """Arguments for Snorkel's ``fit``; made anew for each call, as it writes into nested ones."""
        given = self.precisions()
        configs = {
            "optimizer_config": plain_config("optimizer_config", self.optimizer_config, _OPTIMIZER_CONFIG),
            "lr_scheduler_config": plain_config("lr_scheduler_config", self.lr_scheduler_config, _SCHEDULER_CONFIG),
        }
        return {
            "n_epochs": self.n_epochs,
            "lr": float(self.lr),
            "l2": float(self.l2),
            "optimizer": self.optimizer,
            "lr_scheduler": self.lr_scheduler,
            "prec_init": given,
            "seed": int(self.seed),
            "log_freq": self.log_freq,
            "mu_eps": self.mu_eps,
            **{name: config for name, config in configs.items() if config},
        }

    def _check_warmup(self, config: Mapping[str, Any]) -> None:
        for name in ("warmup_steps", "warmup_percentage", "min_lr"):
            check_number(name, config.get(name, 0), least=0.0)
        if config.get("warmup_steps") and config.get("warmup_unit") != "epochs":
            raise SnorkelRefusal(
                "LabelModel does not support any warmup_unit other than 'epochs'.",
                hint='Set "warmup_unit": "epochs" in lr_scheduler_config',
            )
        if config.get("warmup_percentage", 0) > 1:
            raise LabelModelError(f"warmup_percentage is {config['warmup_percentage']!r}, expected at most 1")


def plain_config(name: str, given: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """A nested configuration as dicts of its own, every name in it checked; {} for None.

    Raises
    ------
    SnorkelRefusal
        If a name is unknown, or something else than a dict stands where one belongs.
    """
    if given is None:
        return {}
    if hasattr(given, "_asdict"):
        given = given._asdict()
    if not isinstance(given, Mapping):
        raise SnorkelRefusal(f"{name} is {given!r}, expected a dict with {', '.join(known)}")
    plain = {}
    for key, value in given.items():
        if key not in known:
            raise SnorkelRefusal(f"{name} has no setting {key!r}; its settings are {', '.join(known)}")
        plain[key] = value if known[key] is None else plain_config(f"{name}[{key!r}]", value, known[key])
    return plain


def without_arrays(value: Any) -> Any:
    """A setting as JSON has it: arrays, tensors, tuples and configuration objects as lists and dicts."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: without_arrays(each) for key, each in value.items()}
    return [without_arrays(each) for each in value] if isinstance(value, (list, tuple)) else value


def _one_of(name: str, value: Any, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise SnorkelRefusal(
            f"Unrecognized {name.replace('_', ' ')} option: {name} is {value!r}, expected one of {', '.join(known)}"
        )


def whole_numbers(values: Any) -> Any:
    """An array of numbers without fractions as integers, anything else as it is.

    Snorkel takes such arrays of floats; what is no whole number is left for the checks to name.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f" and array.size and np.isfinite(array).all() and (array == np.rint(array)).all():
        return array.astype(np.int64)
    return array
