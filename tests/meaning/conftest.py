"""Documents in a short hand for the tables: one formula a line, ⟨L|x_i⟩ for ∂L/∂x_i; and verdicts as one letter each."""

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
NORMALIZED = "\n".join((MEAN, VARIANCE, HAT))
"""Up to x̂: three definitions."""
BATCH = f"{NORMALIZED}\n{OUT}"
"""Batch norm: four definitions."""
PLAIN = "\n".join((MEAN, r"z_i = x_i - \mu"))
"""The smallest pass with a statistic: two definitions."""


def document(lines):
    """The LaTeX of formulas in short hand; comments stay as they are."""
    shown = (line.strip() for line in lines.strip().splitlines())
    return "\n".join(line if line.startswith("%") else rf"\[ {partials(line)} \]" for line in shown if line)


def partials(line):
    return re.sub(r"⟨([^|⟨⟩]+)\|([^⟨⟩]+)⟩", r"\\frac{\\partial \1}{\\partial \2}", line)


def entries(lines, *givens, **more):
    """The entries of a document in short hand."""
    return check_text(document(lines), givens=tuple(partials(one) for one in givens), **more).entries


def verdicts(lines, *givens, **more):
    """One letter an entry."""
    return "".join(LETTERS[one.verdict] for one in entries(lines, *givens, **more))


@pytest.fixture(scope="session")
def short():
    """The short hand, under one name."""
    return SimpleNamespace(
        LETTERS=LETTERS,
        MEAN=MEAN,
        VARIANCE=VARIANCE,
        HAT=HAT,
        OUT=OUT,
        NORMALIZED=NORMALIZED,
        BATCH=BATCH,
        PLAIN=PLAIN,
        document=document,
        partials=partials,
        entries=entries,
        verdicts=verdicts,
    )
