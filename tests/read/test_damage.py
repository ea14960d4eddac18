"""Damage that is mechanical is undone, and the repairs say what and where; everything else stays as it is."""

from __future__ import annotations

import pytest

from derive.notation import text
from derive.read import Unreadable, read_text

REPAIRED = [
    ("$\x0crac{a}{b} = c$", "a/b = c"),
    ("$rac{a}{b} = c$", "a/b = c"),
    ("$x = rac{-3}{2}$", "x = (−3)/2"),
    ("$$egin{aligned} a &= b \\end{aligned}$$", "a = b"),
    ("$$\x08egin{aligned} a &= b \\end{aligned}$$", "a = b"),
    ("egin{align} a &= b \\end{align}", "a = b"),
    ("$$oxed{a = b}$$", "a = b"),
    ("$a = \\left( b \night)^2$", "a = (b)²"),
    ("$a = \\left( b \right)^2$", "a = (b)²"),
    ("$a = \\left( b \r\night)^2$", "a = (b)²"),
    ("$a = b \times c$", "a = b c"),
    ("$a = \tilde{x}$", "a = x̃"),
    ("$a = \theta$", "a = θ"),
    ("$a = \text{mean}(x)$", "a = mean(x)"),
    ("$a = \x07lpha$", "a = α"),
    ("$a = \x0barepsilon$", "a = ε"),
    ("$a = \x08ar{x}$", "a = x̄"),
    ("$a = \x08eta$", "a = β"),
]


@pytest.mark.parametrize(("source", "shown"), REPAIRED)
def test_damage_is_undone(source: str, shown: str) -> None:
    document = read_text(source, "md")
    (equation,) = document.equations
    assert f"{text(equation.left)} = {text(equation.right)}" == shown
    assert document.repairs


UNTOUCHED = [
    r"$\frac{a}{b} = \theta$",
    r"$\begin{aligned} a &= b \end{aligned}$",
    "$a\n= b$",
    "$\ta = b$",
    "$track = 1$",
]


@pytest.mark.parametrize("source", UNTOUCHED)
def test_what_is_not_damaged_is_not_repaired(source: str) -> None:
    assert read_text(source, "md").repairs == ()


def test_prose_is_not_repaired() -> None:
    assert read_text("a rac{b} \tilde{x} and $a = b$", "md").repairs == ()


def test_positions_are_those_of_the_damaged_file() -> None:
    document = read_text("$$rac{a}{b} = c$$\n$$x = \\left(y\night) + rac{1}{2} + \\foo$$", "md")
    assert [(repair.place.line, repair.place.column) for repair in document.repairs] == [(1, 3), (2, 14), (3, 9)]
    assert [(repair.found, repair.written) for repair in document.repairs][:2] == [
        ("rac", "\\frac"),
        ("\night", "\\right"),
    ]
    error = document.items[1]
    assert isinstance(error, Unreadable)
    assert (error.place.line, error.place.column) == (3, 21)


def test_a_lost_row_break_in_a_damaged_block() -> None:
    document = read_text("$$egin{aligned} a &= rac{b}{c} \\ & d = e \\end{aligned}$$", "md")
    assert len(document.equations) == 2
