"""Which items to ask people about next: query strategies over a pool, and the composition of queues.

One file per strategy; the registry kind ``query_strategies`` knows them by name. Nothing here reads
the store or fits a model: a :class:`Pool` carries the probabilities that others computed.
"""

from labelkit.query.base import PoolPart, QueryStrategy, needs, strategy
from labelkit.query.compose import ComposedQueue, compose_queue
from labelkit.query.pool import Pool

__all__ = ["ComposedQueue", "Pool", "PoolPart", "QueryStrategy", "compose_queue", "needs", "strategy"]
