"""What the channel and the shape of a message give away before a word of it is weighed."""

from snorkel.labeling import labeling_function as snorkel_labeling_function

from labelkit import expression, lookup

BUG, ABSTAIN = 1, -1  # Snorkel's functions vote with numbers: positions in the labels of labelkit.toml

# A table of whole messages. In real traffic the same few words come in every day and nothing is more
# precise; in this sample exact repeats were removed, so it finds next to nothing.
lookup("same_old_message", "../sample_data/short_messages.csv")

# Who opens the app store for a handful of words is happy, or so the theory goes. Mediocre on purpose, and
# rare: a handful of words is also enough for "needs landscape mode".
expression("review_in_passing", "channel == 'app_review' and word_count < 9", label="praise")


@snorkel_labeling_function()
def shouting(row):
    """Capitals are for what a lost board has just ruined. Snorkel's own decorator works as it is."""
    letters = [character for character in row.text if character.isalpha()]
    capitals = sum(character.isupper() for character in letters)
    return BUG if len(letters) >= 20 and capitals > len(letters) / 2 else ABSTAIN
