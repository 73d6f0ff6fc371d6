"""Snorkel's loss with its gradient, and torch's SGD, written down: the same bits at a third of the time.

Only methods of tensors are used; torch itself is imported where Snorkel is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Loss(Protocol):
    """What training goes down on."""

    def loss_and_gradient(self, mu: Any, l2: float) -> tuple[Any, Any]:
        """Loss and gradient at mu under an l2 penalty."""


@dataclass(frozen=True)
class PlainObjective:
    """What Snorkel's loss compares mu with; fixed while it trains.

    Attributes
    ----------
    overlaps, diagonal
        Snorkel's matrix O, shape (d, d), and its diagonal, d = m·k.
    kept
        Positions in the flat O of the entries that count: those of two different functions.
    minus_kept
        −1 at these entries and 0 elsewhere, shape (d, d).
    shares
        The class balance, shape (k,).
    start
        What the l2 penalty pulls mu to, shape (d, k).
    """

    overlaps: Any
    diagonal: Any
    kept: Any
    minus_kept: Any
    shares: Any
    start: Any

    def loss_and_gradient(self, mu: Any, l2: float) -> tuple[Any, Any]:
        """Snorkel's ``_loss_mu`` and the gradient that torch finds for it, operation by operation.

        The same operations on the same values in the same order, without the recorded graph and without
        selecting by a boolean mask: the gradient is the same to the bit at a third of the time.
        """
        joint = mu * self.shares
        apart = self.overlaps - joint @ mu.t()
        # The entries that count, in a row of their own: summed elsewhere, the norm would be rounded otherwise.
        first = apart.view(-1).index_select(0, self.kept).norm()
        missing = joint.sum(1) - self.diagonal
        second = missing.norm()
        loss = first * first + second * second
        gradient = _over(missing / second, second).mul_(2 * second).unsqueeze(1) * self.shares
        if l2:
            pulled = (mu - self.start) * l2
            third = pulled.norm()
            loss = loss + third * third
            gradient = _over(pulled / third, third).mul_(2 * third).mul_(l2) + gradient
        back = _over(apart.div_(first), first).mul_(2 * first).mul_(self.minus_kept)
        gradient += back.t() @ joint
        gradient += (back @ mu) * self.shares
        return loss, gradient


def _over(direction: Any, norm: Any) -> Any:
    """A vector divided by its norm; nothing where that is zero, as torch has it (functions that never meet)."""
    return direction.masked_fill_(norm == 0, 0)


class Sgd:
    """``torch.optim.SGD`` for one parameter, to the bit; the first use of torch's own imports 1 s of compiler."""

    def __init__(self, parameter: Any, *, lr: float, momentum: float, weight_decay: float) -> None:
        self._parameter, self._lr, self._momentum, self._decay = parameter, lr, momentum, weight_decay
        self._velocity: Any = None

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._parameter.grad = None

    def step(self) -> None:
        """Move the parameter."""
        values, change = self._parameter.data, self._parameter.grad
        if self._decay:
            change = change.add(values, alpha=self._decay)
        self._velocity = change.clone() if self._velocity is None else self._velocity.mul_(self._momentum).add_(change)
        values.add_(self._velocity, alpha=-self._lr)
