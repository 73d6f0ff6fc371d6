"""All items and their features, made once per content: what every refit of one process starts from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelkit.endmodels import Embeddings, FeatureFields, FeatureSet, fit_features, latent, most_features
from labelkit.steps.workspace import Workspace, digest
from labelkit.types import FloatArray

KEPT = 4
"""Arrays of one kind that stay in the cache."""


@dataclass(frozen=True)
class Features:
    """``table`` of all n items, the ``fitted`` features, and X, their (n, d) sparse matrix."""

    table: pa.Table
    fitted: FeatureSet
    X: Any


def all_items(workspace: Workspace) -> pa.Table:
    """All items as one Arrow table."""
    shards = [table for _, table in workspace.store.items.shards()]
    return pa.concat_tables(shards) if shards else workspace.store.items.table(0, 0)


def embeddings(workspace: Workspace) -> Embeddings | None:
    """Where sentence embeddings come from, if ``[end_model]`` asks for some; vectors are kept in the cache."""
    source = workspace.config.end_model.embeddings
    if source is None:
        return None

    def make() -> Embeddings:
        return Embeddings(
            source, root=workspace.root, cache=workspace.cache / "embeddings", progress=workspace.progress
        )

    return workspace.remembered("embeddings", source, make)


def features_key(workspace: Workspace) -> str:
    """Identity of the features: the items, what is asked for, and the embeddings' model."""
    vectors = embeddings(workspace)
    return digest(
        workspace.store.items.shard_digests(), repr(_wanted(workspace)), workspace.schema.cardinality, workspace.seed,
        None if vectors is None else vectors.identity,
    )  # fmt: skip


def features(workspace: Workspace) -> Features:
    """All items with the features that ``[end_model]`` asks for."""

    def make() -> Features:
        table = all_items(workspace)
        most = most_features(workspace.schema.cardinality)
        fitted = fit_features(
            table, _wanted(workspace), max_features=most, seed=workspace.seed, embeddings=embeddings(workspace)
        )
        return Features(table, fitted, fitted.matrix(table))

    return workspace.remembered("features", features_key(workspace), make)


def latent_directions(workspace: Workspace) -> FloatArray:
    """(n, r) latent directions of all items' features, kept in the cache by content."""
    return kept_array(workspace, "latent", features_key(workspace), lambda: latent(features(workspace).X)[0])


def kept_array(workspace: Workspace, kind: str, key: str, make: Callable[[], FloatArray]) -> FloatArray:
    """An array that is dear to make: from memory, from the cache beside the project, or made and kept there.

    Only so many of a kind are kept; where the disk refuses, nothing is.
    """

    def read_or_make() -> FloatArray:
        folder = workspace.cache / kind
        file = folder / f"{key[:32]}.npy"
        try:
            return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):  # absent, or not what was written
            array = make()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".new", delete=False) as temporary:
                np.save(temporary, array)
            Path(temporary.name).replace(file)
            for old in sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            workspace.progress.note(f"{kind} values were not kept ({error.strerror or error})")
        return array

    return workspace.remembered(kind, key, read_or_make)


def _wanted(workspace: Workspace) -> FeatureFields:
    settings = workspace.config.end_model
    return FeatureFields(text=settings.use_text, include=settings.fields, exclude=settings.exclude)
