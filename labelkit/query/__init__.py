"""Which items to ask people about next: query strategies over a pool, and the composition of queues.

One file per strategy; the registry kind ``query_strategies`` knows them by name. Nothing here reads
the store or fits a model: a :class:`Pool` carries the probabilities that others computed.
"""

from labelkit.query.auto import scheduled_mix, scheduled_tuning
from labelkit.query.base import (
    BatchStrategy,
    PoolPart,
    QueryStrategy,
    Selection,
    needs,
    strategy,
    wants,
)
from labelkit.query.choosing import choose
from labelkit.query.compose import ComposedQueue, compose_queue
from labelkit.query.parts import Answers, Labelled
from labelkit.query.pool import Pool

__all__ = [
    "Answers",
    "BatchStrategy",
    "ComposedQueue",
    "Labelled",
    "Pool",
    "PoolPart",
    "QueryStrategy",
    "Selection",
    "choose",
    "compose_queue",
    "needs",
    "scheduled_mix",
    "scheduled_tuning",
    "strategy",
    "wants",
]
