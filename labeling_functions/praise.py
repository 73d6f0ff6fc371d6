"""Messages that want nothing but to say something kind."""

import re

from labelkit import labeling_function, regex

# Applause as people write it today: stars, hearts, idioms, the unknown designer who is thanked; and the
# assurance that nothing is wanted, which complaints do not give.
regex(
    "applause",
    r"\b(?:five|5) stars\b(?! if)|\b(?:ten|10) out of (?:ten|10)\b|⭐{3,}|👏|🥰|💛|\bwhoever\b|\bchef'?s kiss\b"
    r"|\bsaved my (?:\w+ )?\w+|\bdeserves? a\b|\b(?:bravo|kudos|well done|class act|hats off|nice one|bless)\b"
    r"|\bno (?:question|complaints?|notes|action)\b|\bcarry on\b|\bjust (?:wanted to|want to|a quick note|to say)\b"
    r"|\b(?:don'?t|never) (?:ever )?(?:change|going back)\b|\bno regrets\b|\bbest .{0,25}\b(?:ever|since|after)\b",
    label="praise",
    flags=re.IGNORECASE,
)

_KIND = re.compile(
    r"\b(?:thank\w*|thx|cheers|love[ds]?|lovely|gorgeous|superb|amaz\w+|flawless|brilliant|calm\w*|joy|pretty|cute|smile"
    r"|laugh\w*|grinning|painless|rare|finally|simple|quick|smooth|worth it|grateful|happy|enjoy\w*|gracias|danke|merci"
    r"|obrigad[oa])\b",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"\?|\b(?:please|pls|but|can'?t|cannot|could|would|need\w*|why|how|when|fix|missing|wrong|broken|error|charged|cancel"
    r"|invoice|password|account|refund|since)\b",
    re.IGNORECASE,
)


@labeling_function()
def kind_and_asks_nothing(row):
    """A kind word is only politeness when the message goes on to ask, to complain, or to say "but"."""
    return "praise" if _KIND.search(row.text) and not _WANTS.search(row.text) else None
