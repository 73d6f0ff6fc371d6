"""Messages that ask for something the product does not have."""

import re

from labelkit import keywords, regex

# Wishes in the writer's own voice.
regex(
    "wishes",
    r"\bwish(?: ?list)?\b|\bwould (?:love|be (?:\w+ )?(?:great|nice|wonderful|handy|cool|useful|helpful|huge))"
    r"|\bi'd (?:love|pay|use|want)\b|\bi want to\b|\bwhat i miss\b|\bi miss\b|\bsomething i miss\b|\bi keep wanting\b"
    r"|\b(?:it|that) would (?:save|make|help|be)\b|\bwould (?:save|spare|make)\b|\bbegging\b"
    r"|^(?:\S+ ){0,4}?(?:let (?:me|us|people|guests|cards?)|give us|needs? an?|add an?|more)\b",
    label="feature_request",
    flags=re.IGNORECASE,
)

# Questions whether something exists or could. Billing has such questions too ("can I pay by cheque?"),
# which is where most of the mistakes of this function are.
regex(
    "is_it_possible",
    r"\bany (?:chance|plans?|way|hope)\b|\bis (?:it|this|that) (?:possible|thinkable|planned)\b|\broadmap\b|\bpossib\w+"
    r"|\bis there (?:a|any|anything|some)\b|\bwould (?:it be|you (?:consider|ever|mind))\b|\bfeasible\b"
    r"|\b(?:have you considered|do you (?:do|think|intend)|some ?day|any time soon|in the pipeline)\b"
    r"|\b(?:could|can) (?:we|cards?|subtasks|the|a|guests|there|someone) \w+"
    r"|\b(?:could|might) (?:\w+ )?(?:be|there be)\b|\b(?:why no|no way to)\b",
    label="feature_request",
    flags=re.IGNORECASE,
)

# Things that people keep asking for. Mediocre on purpose: the list was made by reading wishes, and a
# bug report about shortcuts or recurring cards looks the same to it.
keywords(
    "wanted_things",
    [
        "dark mode", "landscape", "offline", "shortcut", "shortcuts", "template", "templates", "folders", "recurring",
        "snooze", "subtask", "subtasks", "dependency", "dependencies", "linux", "apple watch", "plugin", "markdown",
        "jira", "zapier", "whatsapp", "digest", "option", "setting", "feature", "mode", "version", "integration"
    ],
    label="feature_request",
)  # fmt: skip
