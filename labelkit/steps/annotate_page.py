"""What the Annotate page has to know before the first item: labels and keys, words, settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelkit.annotate import answer_keys, highlight_words
from labelkit.steps.workspace import Workspace


@dataclass(frozen=True)
class AnnotatePage:
    """The settings of the page.

    ``keys`` has every label in order with its key (None: a button only); ``show_fields`` and ``image_hosts`` say
    what of an item is shown; ``ready``: there is a queue.
    """

    keys: dict[str, str | None]
    words: list[str]
    batch: int
    show_fields: list[str] | Literal["all"]
    image_hosts: list[str]
    ready: bool


def annotate_page(workspace: Workspace) -> AnnotatePage:
    """The settings of the Annotate page; project code is not run.

    Raises
    ------
    ConfigError
        If ``annotation.keys`` cannot be used.
    """
    rules = workspace.config.annotation
    return AnnotatePage(
        keys=answer_keys(workspace.schema.names, rules.keys),
        words=highlight_words(rules.highlight, _declarations(workspace)),
        batch=rules.batch,
        show_fields=rules.show_fields,
        image_hosts=[host.strip().lower() for host in rules.image_hosts],
        ready=workspace.store.runs.latest("rank") is not None,
    )


def _declarations(workspace: Workspace) -> list[str]:
    """Declarations of the keyword functions that voted last."""
    run = workspace.store.runs.latest("vote")
    functions = run.parameters["functions"] if run is not None else []
    stored = (
        workspace.store.votes.function(function["name"], function["fingerprint"])
        for function in functions
        if function["kind"] == "keywords"
    )
    return [function.declaration for function in stored if function is not None]
