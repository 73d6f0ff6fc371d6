"""Importing the rooms loads nothing heavy; fitting a majority vote loads no torch."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"torch", "snorkel", "sklearn", "pandas", "scipy", "pyarrow"}


def loaded_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & HEAVY


def test_imports_are_light() -> None:
    assert loaded_by("import labelkit.labelmodels, labelkit.analysis") == set()


def test_majority_vote_and_the_analysis_need_no_torch() -> None:
    code = """
import numpy as np
from labelkit.analysis import lf_summary, score
from labelkit.labelmodels import label_model
L = np.array([[0, 1], [1, 1]])
model = label_model("majority", cardinality=2).fit(L)
score(model.predict_proba(L), np.array([0, 1]))
lf_summary(L, ["a", "b"], cardinality=2)
label_model("snorkel", cardinality=2)
"""
    assert loaded_by(code) == set()
