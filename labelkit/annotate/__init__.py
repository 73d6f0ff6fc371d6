"""People's answers: what they may say, and what they add up to."""

from labelkit.annotate.consensus import PeopleAnswers, people_answers
from labelkit.annotate.reasons import SKIP_REASONS, check_skip_reason
from labelkit.annotate.resolve import HumanLabels, agreed, resolve

__all__ = [
    "SKIP_REASONS",
    "HumanLabels",
    "PeopleAnswers",
    "agreed",
    "check_skip_reason",
    "people_answers",
    "resolve",
]
