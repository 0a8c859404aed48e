"""The language of a text, by the words and letters of 97 languages (py3langid: Lui and Baldwin 2012, naive Bayes)."""

from __future__ import annotations

import functools
from typing import Any

#: Characters that are looked at; more tell no more.
_ENOUGH = 3000
#: Below this the likeliest of 97 languages is a guess.
_SURE = 0.8
#: Words without accents that let those with accents be left out, as a share, and how sure the others must then be.
_MOST, _CERTAIN = 0.6, 0.99


@functools.cache
def _identifier() -> Any:
    import numpy as np
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    class Sparse(LanguageIdentifier):  # type: ignore[misc]
        """Adds up what a text has; a dense product has every core wait for the next one for some 40 ms."""

        def nb_classprobs(self, fv: Any) -> Any:
            (found,) = np.nonzero(fv)
            return (fv[found, None] * self.nb_ptc[found]).sum(axis=0) + self.nb_pc

    return Sparse.from_pickled_model(MODEL_FILE, norm_probs=True)


def language_of(text: str, told: str = "") -> str:
    """The BCP 47 primary subtag of a text's language ("en", "zh"), "" where nothing tells.

    Args:
        told: the tag that the text's page or record gives; it counts where the text is too short to be sure, as pages
            are often made from a template in another language.
    """
    tag = told.replace("_", "-").partition("-")[0].lower()
    tag = tag if 2 <= len(tag) <= 3 and tag.isascii() and tag.isalpha() else ""
    if not any(c.isalpha() for c in text):
        return tag
    words = text[:_ENOUGH].split()
    found, share = _identifier().classify(" ".join(words))
    plain = [word for word in words if all(c.isascii() or not c.isalpha() for c in word)]
    if found != "en" and _MOST * len(words) <= len(plain) < len(words):
        # A few names with accents make Latin or Breton of an English text.
        without, sure = _identifier().classify(" ".join(plain))
        found, share = ("en", sure) if without == "en" and sure >= _CERTAIN else (found, share)
    return str(found) if float(share) >= _SURE or not tag else tag
