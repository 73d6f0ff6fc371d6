"""Extensions by name: name → ``"module:attribute"``, resolved on use.

Adding a label model, end model, query strategy, source, exporter or engine is one new file and one
line in :data:`BUILTIN`. Other packages add theirs through entry points in the group
``labelkit.<kind>`` (for instance ``labelkit.label_models``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, Literal, get_args

from labelkit.errors import RegistryError

Kind = Literal["label_models", "end_models", "query_strategies", "sources", "exporters", "engines"]

BUILTIN: Final[Mapping[Kind, Mapping[str, str]]] = {
    "label_models": {
        "auto": "labelkit.labelmodels.auto:AutoLabelModel",
        "snorkel": "labelkit.labelmodels.snorkel:SnorkelLabelModel",
        "majority": "labelkit.labelmodels.majority:MajorityLabelModel",
        "weighted-majority": "labelkit.labelmodels.weighted_majority:WeightedMajorityLabelModel",
        "dawid-skene": "labelkit.labelmodels.dawid_skene:DawidSkeneLabelModel",
        "mace": "labelkit.labelmodels.mace:MaceLabelModel",
        "triplet": "labelkit.labelmodels.triplet:TripletLabelModel",
        "crowd": "labelkit.labelmodels.crowd:CrowdLabelModel",
    },
    "end_models": {
        "logistic": "labelkit.endmodels.logistic:LogisticEndModel",
    },
    "query_strategies": {
        "auto": "labelkit.query.auto:Auto",
        "uncertainty": "labelkit.query.uncertainty:Uncertainty",
        "margin": "labelkit.query.margin:Margin",
        "entropy": "labelkit.query.entropy:Entropy",
        "committee": "labelkit.query.committee:Committee",
        "vote_entropy": "labelkit.query.vote_entropy:VoteEntropy",
        "consensus_entropy": "labelkit.query.consensus_entropy:ConsensusEntropy",
        "disagreement": "labelkit.query.disagreement:Disagreement",
        "patterns": "labelkit.query.patterns:Patterns",
        "uncovered": "labelkit.query.uncovered:Uncovered",
        "density": "labelkit.query.density:Density",
        "typiclust": "labelkit.query.typiclust:TypiClust",
        "badge": "labelkit.query.badge:Badge",
        "coreset": "labelkit.query.coreset:CoreSet",
        "ranked_batch": "labelkit.query.ranked_batch:RankedBatch",
        "activelab": "labelkit.query.activelab:ActiveLab",
        "random": "labelkit.query.random:Random",
    },
    "sources": {
        "csv": "labelkit.sources.csv:CsvSource",
        "jsonl": "labelkit.sources.jsonl:JsonlSource",
        "parquet": "labelkit.sources.parquet:ParquetSource",
    },
    "exporters": {
        "csv": "labelkit.export.csv:CsvExporter",
        "jsonl": "labelkit.export.jsonl:JsonlExporter",
        "parquet": "labelkit.export.parquet:ParquetExporter",
    },
    "engines": {
        "local": "labelkit.engines.local:LocalEngine",
        "processes": "labelkit.engines.processes:ProcessEngine",
        "automatic": "labelkit.engines.automatic:AutomaticEngine",
        "ray": "labelkit.engines.ray:RayEngine",
    },
}


@cache
def _table(kind: Kind) -> Mapping[str, str]:
    table = dict(BUILTIN[kind])
    for point in entry_points(group=f"labelkit.{kind}"):
        if point.name in table and table[point.name] != point.value:
            raise RegistryError(
                f"the {singular(kind)} {point.name!r} is registered twice: {table[point.name]} and {point.value}",
                hint="Uninstall one of the two packages or rename its entry point",
            )
        table[point.name] = point.value
    return table


def names(kind: Kind) -> tuple[str, ...]:
    """The registered names of a kind, built-in ones first."""
    if kind not in get_args(Kind):
        raise RegistryError(f"unknown kind {kind!r}; the kinds are {', '.join(get_args(Kind))}")
    return tuple(_table(kind))


def singular(kind: Kind) -> str:
    """What one extension of a kind is called in messages: ``"query strategy"``."""
    words = kind.replace("_", " ")
    return f"{words[:-3]}y" if words.endswith("ies") else words[:-1]


def resolve(kind: Kind, name: str) -> Any:
    """The class behind a registered name, imported now.

    Raises
    ------
    RegistryError
        If the name is unknown, or what it stands for cannot be imported.
    """
    if name not in names(kind):
        raise RegistryError(f"unknown {singular(kind)} {name!r}; choose one of {', '.join(names(kind))}")
    return load(_table(kind)[name])


def load(target: str) -> Any:
    """Import ``"module:attribute"``.

    Raises
    ------
    RegistryError
        If it is no such path, the module cannot be imported, or the attribute is missing.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise RegistryError(f"{target!r} is not an import path", hint="Write it as package.module:Class")
    try:
        module = import_module(module_name)
    except Exception as error:  # a module can raise anything while it is imported
        raise RegistryError(f"cannot import {module_name!r} for {target!r}: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise RegistryError(f"module {module_name!r} has no {attribute!r}") from None
