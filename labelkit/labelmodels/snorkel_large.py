"""Snorkel's loss where the matrix O is large: the same loss and gradient without a product of its size.

Snorkel's loss compares O (d, d), d = m·k, with μPμᵀ, entry by entry: d²·k multiplications and several
matrices of O's size in each epoch. Multiplied out, only O times μP needs O, which is sparse where functions
seldom vote, and everything else has k columns: ‖μPμᵀ‖² is the trace of (μᵀμP)². The sums are rounded
otherwise than Snorkel's, so this serves the guarded model, and only beyond :data:`LARGE`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.statistics import VoteStatistics

LARGE: Final = 1_024
"""Rows of O beyond which the guarded model multiplies out: 17 MB of float32 matrices in Snorkel's own way."""
_SPARSE: Final = 0.1
"""Share of entries that are not zero below which O is kept sparse."""
_DENSE_BYTES: Final = 56
_COUNTING_BYTES: Final = 32
"""Bytes for each entry of O that Snorkel's own way and ours hold at the same time: counts, O, mask, products."""
MOST_MULTIPLICATIONS: Final = 4e12
"""More than this takes many minutes on one core; people who want it ask for fewer epochs first."""


def check_size(functions: int, cardinality: int, *, n_epochs: int, guard: bool) -> None:
    """Refuse a label matrix whose O does not fit into half of the machine's memory, or takes too long.

    Raises
    ------
    LabelModelError
        Naming the size, and what to use instead.
    """
    width = functions * cardinality
    what = f"{functions:,} labeling functions × {cardinality:,} classes"
    instead = 'Set [label_model] name = "dawid-skene" or "majority", which need no such matrix'
    needed = width**2 * (_COUNTING_BYTES if guard and width > LARGE else _DENSE_BYTES)
    if needed > memory() / 2:
        raise LabelModelError(
            f"the label model 'snorkel' needs {needed / 2**30:,.0f} GB for the {width:,} × {width:,} matrix of {what},"
            f" more than half of this machine's {memory() / 2**30:,.0f} GB",
            hint=instead,
        )
    # at most: where functions seldom vote, most of O is zero and costs nothing
    multiplications = float(width * cardinality * (5 * cardinality + width)) * n_epochs
    if guard and width > LARGE and multiplications > MOST_MULTIPLICATIONS:
        most = max(1, int(n_epochs * MOST_MULTIPLICATIONS / multiplications))
        raise LabelModelError(
            f"the label model 'snorkel' would take {multiplications:.0e} multiplications for {what} and {n_epochs}"
            f" epochs, expected at most {MOST_MULTIPLICATIONS:.0e}",
            hint=f"{instead}, or n_epochs = {most}",
        )


def memory() -> int:
    """Bytes of this machine's memory; 8 GiB where the system does not say."""
    if not hasattr(os, "sysconf"):
        return 8 * 2**30
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class FactoredObjective:
    """Snorkel's loss, multiplied out.

    Parameters
    ----------
    statistics
        Votes that mu is fitted to.
    shares
        Class balance, a torch tensor of shape (k,).
    start
        What the l2 penalty pulls mu to, a torch tensor of shape (d, k).
    """

    def __init__(self, statistics: VoteStatistics, shares: Any, start: Any) -> None:
        self._shares, self._start = shares, start
        overlaps = overlaps_of_others(statistics)
        self._sparse = overlaps if hasattr(overlaps, "indptr") else None
        self._dense = None if self._sparse is not None else shares.new_tensor(overlaps)
        self._constant = float(np.square(overlaps.data if self._sparse is not None else overlaps).sum(dtype=np.float64))
        self._diagonal = shares.new_tensor(statistics.vote_counts.ravel() / statistics.n)

    def loss_and_gradient(self, mu: Any, l2: float) -> tuple[Any, Any]:
        """Loss and its gradient at mu, a torch tensor of shape (d, k)."""
        k = mu.shape[1]
        joint = mu * self._shares
        met = self._overlaps_times(joint)
        gram = mu.t() @ joint
        blocks, joint_blocks = mu.view(-1, k, k), joint.view(-1, k, k)
        grams = blocks.transpose(1, 2) @ joint_blocks
        missing = joint.sum(1) - self._diagonal
        away = (mu - self._start) * l2
        loss = self._constant - 2 * (met * mu).sum() + (gram * gram.t()).sum() - (grams * grams.transpose(1, 2)).sum()
        loss = loss + missing.square().sum() + away.square().sum()
        met -= joint @ gram
        met += (joint_blocks @ grams).view(-1, k)
        gradient = met.mul_(-4)
        gradient += (2 * missing).unsqueeze(1) * self._shares
        if l2:
            gradient += away.mul_(2 * l2)
        return loss, gradient

    def _overlaps_times(self, joint: Any) -> Any:
        if self._sparse is not None:
            return joint.new_tensor(self._sparse @ joint.numpy())
        # O is symmetric, and a few long rows times O cost a tenth of O times a few long columns.
        return (joint.t().contiguous() @ self._dense).t().contiguous()


def overlaps_of_others(statistics: VoteStatistics) -> Any:
    """O without the entries of a function with itself, float32, shape (d, d); a CSR matrix where mostly zero."""
    from scipy import sparse

    counts, k = statistics.cooccurrence, statistics.cardinality
    width = len(counts)
    filled = int(np.count_nonzero(counts))
    if filled > _SPARSE * width**2:
        dense = (counts / statistics.n).astype(np.float32)
        for first in range(0, width, k):
            dense[first : first + k, first : first + k] = 0
        return dense
    columns: list[npt.NDArray[np.intp]] = []
    for row in range(width):
        found = np.flatnonzero(counts[row])
        columns.append(found[found // k != row // k])
    ends = np.concatenate([[0], np.cumsum([len(found) for found in columns])])
    flat = np.concatenate(columns)
    rows = np.repeat(np.arange(width), np.diff(ends))
    values = (counts[rows, flat] / statistics.n).astype(np.float32)
    return sparse.csr_matrix((values, flat, ends), shape=(width, width))


def starting_point(statistics: VoteStatistics, balance: Any, precisions: Any) -> npt.NDArray[np.float32]:
    """Snorkel's ``mu_init``, shape (d, k): P(function i votes y | class y) as if right with this precision."""
    m, k = statistics.m, statistics.cardinality
    shares = statistics.vote_counts / statistics.n
    right = np.clip(shares * np.broadcast_to(np.asarray(precisions, dtype=np.float64), (m,))[:, None] / balance, 0, 1)
    start = np.zeros((m, k, k), dtype=np.float32)
    start[:, np.arange(k), np.arange(k)] = right
    return start.reshape(-1, k)


def best_renaming(mu: npt.NDArray[np.float32], balance: Any) -> npt.NDArray[np.intp]:
    """The order of mu's columns that trusts functions most, exchanging classes of equal share only.

    Snorkel's choice, by another solver of the assignment problem: its own takes hours at 1,000 classes.
    """
    from scipy.optimize import linear_sum_assignment

    k = mu.shape[1]
    right = mu.reshape(-1, k, k).sum(axis=0) * balance
    groups: defaultdict[float, list[int]] = defaultdict(list)
    for label, share in enumerate(balance):
        groups[round(float(share), 3)].append(label)
    order = np.arange(k)
    for group in groups.values():
        rows, columns = linear_sum_assignment(-right[np.ix_(group, group)])
        order[np.asarray(group)[rows]] = np.asarray(group)[columns]
    return order
