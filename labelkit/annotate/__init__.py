"""People's answers: what they may say, and what they add up to."""

from labelkit.annotate.agreement import AgreementFigure, agreement
from labelkit.annotate.agreement_answers import Ratings, ratings
from labelkit.annotate.agreement_tables import PairAgreement, confusion, confusion_with, pairwise
from labelkit.annotate.anchoring import Anchoring, GuessedAnswer, anchoring
from labelkit.annotate.consensus import PeopleAnswers, people_answers
from labelkit.annotate.gold_draw import Draws
from labelkit.annotate.highlight import highlight_words
from labelkit.annotate.keys import RESERVED_KEYS, answer_keys
from labelkit.annotate.places import PlaceRule
from labelkit.annotate.reasons import SKIP_REASONS, check_skip_reason
from labelkit.annotate.resolve import HumanLabels, agreed, resolve

__all__ = [
    "RESERVED_KEYS",
    "SKIP_REASONS",
    "AgreementFigure",
    "Anchoring",
    "Draws",
    "GuessedAnswer",
    "HumanLabels",
    "PairAgreement",
    "PeopleAnswers",
    "PlaceRule",
    "Ratings",
    "agreed",
    "agreement",
    "anchoring",
    "answer_keys",
    "check_skip_reason",
    "confusion",
    "confusion_with",
    "highlight_words",
    "pairwise",
    "people_answers",
    "ratings",
    "resolve",
]
