"""Label matrices so small that functions never meet: where norms in Snorkel's loss are zero."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.labelmodels.snorkel import SnorkelLabelModel


@pytest.mark.parametrize("seed", range(25))
def test_mu_is_snorkels_where_hardly_anything_was_voted(seed: int) -> None:
    from snorkel.labeling.model import LabelModel

    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 4))
    L = rng.integers(-1, k, size=(rng.integers(1, 7), rng.integers(3, 6)))
    L[rng.random(L.shape) < 0.6] = -1
    L[0, 0] = 0
    theirs = LabelModel(k, verbose=False)
    theirs.fit(L, n_epochs=60, seed=0, progress_bar=False)
    ours = SnorkelLabelModel(k, guard=False, n_epochs=60, seed=0).fit(L)
    assert np.array_equal(ours.mu, theirs.mu.detach().numpy())
