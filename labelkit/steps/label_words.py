"""What a label run says, in the words of the project: classes by name and in order, and what would confirm it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labelkit.labelmodels.known_labels import FEWEST
from labelkit.labelmodels.standing import Standing
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import ABSTAIN

_ASK: Final = "answers to tuning items can (`labelkit rank` draws them, `labelkit serve` asks for them)"
_BY_NAME: Final = ("class_counts", "class_balance")


def named_classes(notes: Sequence[str], diagnostics: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """A label model's notes with classes by name: it knows only their numbers, and its diagnostics say which it names.

    Parameters
    ----------
    diagnostics
        Of the fitted model; ``largest_class`` and ``unseen_classes`` are the numbers that its notes may hold. Other
        numbers stay, since names of functions may look like them.
    """
    figures = diagnostics.get("model", diagnostics)
    told = {figures.get("largest_class"), *figures.get("unseen_classes", ())}

    def name(found: re.Match[str]) -> str:
        number = int(found[1])
        return f"class {names[number]}" if number in told else found[0]

    return [re.sub(r"\bclass (\d+)\b", name, note) for note in notes]


def metrics_now(workspace: Workspace, run: Run) -> dict[str, Any]:
    """A label run's metrics with classes in the schema's order and by the names that they have now."""
    metrics, names = dict(run.metrics), workspace.schema.names
    if run.parameters.get("class_ids") == list(workspace.schema.ids):
        before = run.parameters.get("class_names", names)
        for key in _BY_NAME:
            if metrics.get(key, {}).keys() == set(before):
                metrics[key] = {now: metrics[key][old] for now, old in zip(names, before, strict=True)}
    if metrics.get("standing"):
        metrics["why"] = [
            *metrics.get("why", ())[:1],
            standing_sentence(workspace, metrics["standing"], metrics["scores"]),
        ]
    return metrics


def standing_sentence(workspace: Workspace, standing: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """How a label model stands against majority vote, and which known labels confirm that or could."""
    found = Standing(**standing)
    if found.sure:
        return found.found
    said = [found.found]
    if found.known:
        answers = "1 answer to a covered tuning item is" if found.known == 1 else (
            f"{found.known} answers to covered tuning items are"
        )  # fmt: skip
        said.append(f"{answers} too few to confirm that ({FEWEST} are enough)")
    store = workspace.store
    known = workspace.schema.to_indices(store.items.gold()) != ABSTAIN
    unused = bool((known & workspace.train_split()).any())
    measured = scores["label_model"]["covered_accuracy"]["n"]
    if measured:
        items = "the covered test item with a gold label tells" if measured == 1 else (
            f"the {measured:,} covered test items with gold labels tell"
        )  # fmt: skip
        said.append(f"{items} whether that holds")
    if unused and (measured or found.known):
        said.append("gold labels of training items are not used for it")
    elif unused:
        said.append(f"gold labels of training items are not used to confirm that, {_ASK}")
    elif not (measured or found.known):
        said.append(f"there are no known labels yet that confirm it, {_ASK}")
    return "; ".join(said)
