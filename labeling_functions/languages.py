"""Messages that are not in English: a handful of word stems each for the languages that come up most."""

import re
from collections.abc import Sequence

import numpy as np

from labelkit import model

# German, French, Spanish, Portuguese, Italian, Dutch, Polish, Swedish. Stems, not words: "rechnung" also
# finds "Rechnungen". A glossary, not a translation: it misses whatever people say in their own way.
STEMS = {
    "billing": (
        r"rechnung|abbuch|kündig|buchhaltung|mahnung|gebühr|factur|prélev|résili|abonn|rembours|factura|cobr|pago|cargo"
        r"|devoluci|nota fiscal|fattur|addebit|rimbors|betal|faktur|zwrot|preis|precio|preço|prezzo|\babo\b"
    ),
    "bug": (
        r"fehler|verschw[iu]nd|absturz|stürzt|funktioniert nicht|seit dem|update|erreur|depuis|plante|disparu|perdu"
        r"|error|desaparec|no funciona|se cierra|desde|erro\b|não consigo|non si apre|aggiornamento|sparit|fermo"
        r"|werkt niet|sinds|nie działa|błąd|zniknę|försvinn|uppdatering|fungerar inte"
    ),
    "feature_request": (
        r"wäre (?:schön|toll|super)|gibt es (?:eine|keine) möglichkeit|wünsch|bitte bitte|serait-il|j'aimerais|possible"
        r"|se puede|me gustaría|sería|gostaria|seria|estaria|poderia|sarebbe|vorrei|zou het|graag|bestaat|chciał|skulle"
    ),
    "account_access": (
        r"passwort|konto|anmeld|zugang|komm\w* nicht (?:mehr )?rein|mot de passe|compte|connexion|contraseña|cuenta"
        r"|código|entrar|acces|senha|convite|conta\b|accesso|profilo|codici|wachtwoord|uitnodig|hasło|konta|lösenord|inlogg"
    ),
    "praise": r"danke|großartig|klasse|merci|bravo|gracias|genial|obrigad|ótimo|grazie|bedankt|dziękuj|świetn|tack\b",
}
FOREIGN = re.compile(
    r"\b(?:ich|nicht|und|bitte|wie|seit|bei|der|je|nous|est|pour|depuis|une|que|para|desde|una|por|no puedo|não|uma|meu"
    r"|che|sono|dal|ho|per|ik|het|een|niet|jest|nie|się|proszę|jag|och|inte|det|merci|gracias|danke|hola|hallo|ciao)\b",
    re.IGNORECASE,
)


def stem_shares(texts: Sequence[str]) -> np.ndarray:
    """The share of the stems found that speaks for each class: a classifier small enough to read.

    Shape (texts, classes); a row of zeros where the text is English or has no stem in it.
    """
    found = np.zeros((len(texts), len(STEMS)))
    for row, text in enumerate(texts):
        # Two small words of another language: a "danke" in an English message is not enough.
        if len(set(FOREIGN.findall(text.lower()))) >= 2:
            found[row] = [len(re.findall(stems, text, re.IGNORECASE)) for stems in STEMS.values()]
    return found / np.maximum(found.sum(axis=1, keepdims=True), 1)


# Anything that turns texts into probabilities can vote, a scikit-learn pipeline as well as this. It
# votes where more than half of the stems agree.
model("topic_in_other_languages", stem_shares, classes=list(STEMS), threshold=0.55)
