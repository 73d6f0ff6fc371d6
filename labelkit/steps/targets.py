"""What the end model learns from: the label model's probabilities, corrected by people's answers."""

from __future__ import annotations

import numpy as np

from labelkit.annotate import HumanLabels
from labelkit.endmodels import MixedTargets, mixed_targets, weak_scores
from labelkit.labelmodels import covered as voted_on
from labelkit.labelmodels import label_model
from labelkit.steps.item_features import features, features_key, kept_array, latent_directions
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.opinions import with_disputed
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import Run
from labelkit.types import ABSTAIN, FloatArray, IntArray


def training_targets(workspace: Workspace, run: Run, people: HumanLabels) -> MixedTargets:
    """(n, k) probabilities to learn, which rows count, and what people's answers changed.

    Without answers a row of the train split counts where a function voted on it, with the label model's
    probabilities. With some, every row of the split counts: see :mod:`labelkit.endmodels.mixed`. Items of the audit
    count by their votes, as all others do that nobody has answered; what people said of them is not looked at.
    Where people disagree their answers count as further sources.
    """
    raw, _ = workspace.label_probabilities(run)
    raw, disputed = with_disputed(raw, workspace, people)
    teaching = workspace.schema.to_indices(people.teaching)
    votes_run = workspace.store.runs.get(run.parameters["vote_run"])
    assert votes_run is not None
    L = vote_matrix(workspace, votes_run)
    rows = workspace.training_rows(people)
    if not (rows & (teaching != ABSTAIN)).any():
        return MixedTargets(np.asarray(raw, dtype=np.float64), rows & (voted_on(L) | disputed))
    items = features(workspace)
    return mixed_targets(
        items.X,
        latent_directions(workspace),
        P=raw,
        votes=L,
        spoken=disputed,
        words=_words(workspace, votes_run, L),
        answers=teaching,
        drawn=people.tuning & people.asked,
        rows=rows,
        seed=workspace.seed,
    )


def _words(workspace: Workspace, votes_run: Run, L: IntArray) -> FloatArray:
    """What the words say after learning from votes that no answer corrected; made once per votes and items."""
    train = workspace.train_split()
    key = digest(features_key(workspace), votes_run.inputs, workspace.schema.ids, train)

    def make() -> FloatArray:
        model = label_model("auto", cardinality=workspace.schema.cardinality)
        rows = train & voted_on(L)
        if not rows.any():
            return np.zeros((len(L), workspace.schema.cardinality))
        P = model.fit(L[train]).predict_proba(L)
        return weak_scores(features(workspace).X, P, rows, seed=workspace.seed)

    return kept_array(workspace, "words", key, make)
