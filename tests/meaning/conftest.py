"""Documents in a short hand for the tables.

One formula a line, ⟨L|x_i⟩ for ∂L/∂x_i, BATCH for a whole forward pass, ¶ for a new line.

Verdicts are one letter each: d(efinition), p(roved), r(efuted), u(ndecided), ! unreadable, n(otation).
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from derive.check import check_text

LETTERS = {
    "definition": "d",
    "proved": "p",
    "refuted": "r",
    "undecided": "u",
    "unreadable": "!",
    "notation": "n",
    "given": "g",
}

MEAN = r"\mu = \frac{1}{m} \sum_{k=1}^{m} x_k"
VARIANCE = r"\sigma^2 = \frac{1}{m} \sum_{k=1}^{m} (x_k - \mu)^2"
HAT = r"\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}"
OUT = r"y_i = \gamma \hat{x}_i + \beta"
PASSES = {
    "PLAIN": [MEAN, "z_i = x_i - \\mu"],
    "NORMALIZED": [MEAN, VARIANCE, HAT],
    "BATCH": [MEAN, VARIANCE, HAT, OUT],
    "RMS": [r"r = \sqrt{\frac{1}{n} \sum_{k=1}^{n} x_k^2 + \epsilon}", r"y_i = \frac{w_i x_i}{r}"],
    "LAYER": [
        r"\mu = \frac{1}{n} \sum_{k=1}^{n} x_k",
        r"\sigma^2 = \frac{1}{n} \sum_{k=1}^{n} (x_k - \mu)^2",
        r"\hat{x}_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}",
        r"y_i = \gamma_i \hat{x}_i + \beta_i",
    ],
}
"""Forward passes by the word that stands for them in a table."""


def written(lines):
    """The formulas of a document in short hand."""
    shown = (line.strip() for line in lines.replace("¶", "\n").strip().splitlines())
    return [partials(one) for line in shown if line for one in PASSES.get(line, [line])]


def document(lines):
    """Its LaTeX; comments stay as they are."""
    return "\n".join(line if line.startswith("%") else rf"\[ {line} \]" for line in written(lines))


def partials(line):
    return re.sub(r"⟨([^|⟨⟩]+)\|([^⟨⟩]+)⟩", r"\\frac{\\partial \1}{\\partial \2}", line)


def entries(lines, *givens, **more):
    """The entries of a document in short hand."""
    return check_text(document(lines), givens=tuple(partials(one) for one in givens), **more).entries


def letters(found):
    """One letter an entry."""
    return "".join(LETTERS[one.verdict] for one in found)


def told(found):
    """What a wrong test prints."""
    return "\n".join(f"{one.verdict} [{one.reading}] {one.understood or one.latex}: {one.reason}" for one in found)


def holds(lines, expected, *givens, **more):
    """Asserts the verdicts of a document, one letter each; gives its entries."""
    found = entries(lines, *givens, **more)
    assert letters(found) == expected, told(found)
    return found


@pytest.fixture(scope="session")
def short():
    """The short hand, under one name."""
    return SimpleNamespace(
        PASSES=PASSES, document=document, entries=entries, holds=holds, letters=letters, partials=partials, told=told
    )
