"""Counts of a training set, added up batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from labelkit.trainingset.assemble import RULES, SOURCE_OF_RULE, FinalLabels
from labelkit.types import ABSTAIN, LabelSchema

NOBODY = "none"
"""Stands in the counts for items without a source or a split."""


@dataclass
class Tally:
    """How many items by label, by source and rule of the label, and by split; sums of weights."""

    labels: LabelSchema
    items: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    by_split: Counter[str] = field(default_factory=Counter)
    by_label_and_source: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, final: FinalLabels, splits: Sequence[str | None]) -> None:
        """Count one batch."""
        self.items += len(final)
        label, rule = np.asarray(final.label, dtype=np.int64), final.rule.astype(np.int64)
        table = np.zeros((self.labels.cardinality + 1, len(RULES) + 1), dtype=np.int64)
        np.add.at(table, (label, rule), 1)  # −1 is the last row and column
        for i, name in enumerate(self.labels.names):
            self.by_label[name] += int(table[i].sum())
            for j, source in enumerate(SOURCE_OF_RULE):
                self.by_label_and_source.setdefault(name, Counter())[source] += int(table[i, j])
        for j, rule_name in enumerate(RULES):
            self.by_rule[rule_name] += int(table[:, j].sum())
            self.by_source[SOURCE_OF_RULE[j]] += int(table[:, j].sum())
        self.by_source[NOBODY] += int((label == ABSTAIN).sum())
        self.by_split.update(NOBODY if split is None else split for split in splits)

    def to_dict(self) -> dict[str, object]:
        """The counts for a manifest; what did not occur is left out, except classes."""
        classes = {name: self.by_label[name] for name in self.labels.names}
        return {
            "items": self.items,
            "labelled": sum(classes.values()),
            "by_label": classes,
            "by_source": _occurred(self.by_source),
            "by_rule": _occurred(self.by_rule),
            "by_split": _occurred(self.by_split),
            "by_label_and_source": {name: _occurred(self.by_label_and_source.get(name, {})) for name in classes},
        }


def _occurred(counts: Counter[str] | dict[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if counts[name]}
