"""Messages about something that does not do what it should."""

import re

from labelkit import keywords, labeling_function, regex

# Machines name their failures: "error", HTTP statuses, codes such as E-4410, values nobody should see.
# The codes must not look like an invoice number (LB-2025-0446).
regex(
    "error_text",
    r"\berrors?\b|\b(?:403|404|413|500|502|503)s?\b|\bwent (?:wrong|sideways)\b|\b[A-Z]{1,2}-\d{4}\b(?!-)"
    r"|\b(?:undefined|null|NaN)\b|\{\{",
    label="bug",
)

# How people say "broken" when they have no error code. "gone", "lost" and "slow" are loose words, so
# this one is right about two times in three: useful in company, not alone.
keywords(
    "broken_words",
    [
        "bug", "bugs", "buggy", "glitch", "crash", "crashes", "crashed", "freezes", "frozen", "hangs", "stuck",
        "broken", "broke", "breaks", "blank", "invisible", "vanish", "vanishes", "vanished", "disappear",
        "disappears", "disappeared", "gone", "lost", "loses", "overwritten", "spinning", "spinner", "duplicate",
        "duplicates", "flickers", "lag", "lags", "slow", "slower", "upside down", "backwards", "fix"
    ],
    label="bug",
)  # fmt: skip

# Things that worked until a date. Sign-in troubles start on a date too, hence some conflicts with access.py.
regex(
    "worked_until",
    r"\b(?:since|after|ever since)\b.{0,30}\b(?:updat\w+|upgrad\w+|release|version|redesign|maintenance|deploy"
    r"|today|yesterday\S*|morning|lunch|(?:mon|tues|wednes|thurs|fri|satur|sun)day\S*|weekend|v?\d+\.\d+\S*)"
    r"|\bused to (?:be|load|work|show|do)\b|\bovernight\b|\bworked (?:in|until|for|before)\b"
    r"|\bupdated?\b.{0,30}\b(?:and|now|again)\b",
    label="bug",
    flags=re.IGNORECASE,
)

# A bug repeats: each time, always, twice, the wrong one. So do other annoyances.
regex(
    "misbehaves",
    r"\b(?:every|each) (?:single )?time\b|\bnothing happens\b|\b(?:does|do|did) nothing\b"
    r"|\b(?:the|to|with|in) (?:a )?(?:wrong|different)\b|\bwrong (?:one|order|board|card|time|thing|place)\b"
    r"|\b(?:doesn'?t|dont|don't|isn'?t|won'?t|wont|can'?t|cannot|cant) (?:work|load|open|show|sync|save|scroll|drag"
    r"|upload|stop|leave|select|type|refresh|shift|tick|paste|attach)\w*\b|\bno (?:warning|errors?)\b",
    label="bug",
    flags=re.IGNORECASE,
)

_PARTS = re.compile(
    r"\b(?:app|boards?|cards?|comments?|cursor|search|filters?|timeline|gantt|calendar|reminders?|notif\w+|attachments?"
    r"|photos?|pictures?|pics|previews?|docs?|widgets?|columns?|labels?|export\w*|import\w*|csv|pdf|print\w*|sync\w*"
    r"|undo|drag\w*|button|page|screen|checklists?|automations?|rules?|api|webhooks?|due dates?|mentions?|emails?)\b",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"\b(?:wrong|twice|instead|missing|empty|nothing|never|stopped|stops|won'?t|wont|doesn'?t|doesnt|isn'?t|can'?t see"
    r"|keeps|cut off|jumps?|jumping|ignores?|only shows?|shows? (?:the|up)|still|says"
    r"|appears?|closes|opens|turned|restarts?|resets?|times? out|dead|white|grey|double|late|early)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:would|could|wish|please add|any (?:chance|plans?)|possible|let (?:me|us))\b", re.IGNORECASE)


@labeling_function()
def part_in_trouble(row):
    """One sentence that names a part of the product and something odd about it, and wishes for nothing."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", row.text):
        if _PARTS.search(sentence) and _TROUBLE.search(sentence) and not _ASKS.search(row.text):
            return "bug"
    return None


# Mediocre on purpose: who names a device or a browser often reports a bug, but a wish for a Linux
# desktop build names one as well, and so does who cannot sign in on the new phone.
keywords(
    "names_a_device",
    [
        "Windows", "Mac", "macOS", "iOS", "iPhone", "iPad", "Android", "Firefox", "Chrome", "Edge", "Safari",
        "Samsung", "Pixel", "laptop", "browser", "desktop", "tablet", "screen reader", "NVDA"
    ],
    label="bug",
)  # fmt: skip
