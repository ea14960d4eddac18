"""The corpus of checks/ gets its expected verdicts; no slip planted into it is proved unless brute force agrees.

The brute force is this file's own: it evaluates the syntax trees number by number, at every size 3, with derivatives by
central differences in 50 digits. It shares no calculus, no elaboration and no evaluator with the program.
"""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from itertools import product
from pathlib import Path

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.check import check_file, check_text
from derive.kernel import Proved, Refuted
from derive.meaning.checker import Checker
from derive.meaning.names import plain
from derive.notation.syntax import (
    Addition,
    Bracket,
    Call,
    Fraction,
    Indicator,
    Minus,
    Name,
    Number,
    Partial,
    Power,
    Product,
    Root,
    Summation,
    walk,
)
from derive.read import read_text
from derive.sidecar import read_sidecar

CHECKS = Path(derive.__file__).parent.parent / "checks"
ENDINGS = {".tex", ".md", ".ipynb"}
RIGHT = sorted(path for path in CHECKS.glob("*.*") if path.suffix in ENDINGS)
WRONG = sorted(path for path in (CHECKS / "wrong").glob("*.*") if path.suffix in ENDINGS)


@cache
def report(path):
    return check_file(str(path))


@pytest.mark.parametrize("path", [*RIGHT, *WRONG], ids=lambda path: path.stem)
def test_the_corpus_is_as_expected(path):
    found = report(path)
    assert found.error == ""
    assert found.expected, "a document of the corpus has a sidecar"
    assert found.differences == ()
    assert found.verdict == "as expected"


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_no_refuted_equation_of_the_corpus_is_proved(path):
    """Read from the sidecar with nothing of the program in between."""
    rows = tomllib.loads(path.with_name(f"{path.stem}.expected.toml").read_text("utf-8"))["equation"]
    assert any(row["verdict"] == "refuted" for row in rows)
    entries = report(path).entries
    assert [entry.line for entry in entries] == [row["line"] for row in rows]
    for entry, row in zip(entries, rows, strict=True):
        if row["verdict"] == "refuted":
            assert entry.verdict == "refuted"
            assert entry.counterexample is not None
            assert entry.counterexample.left != entry.counterexample.right


@pytest.mark.parametrize("path", [*RIGHT, *WRONG], ids=lambda path: path.stem)
def test_what_is_told_about_an_equation_fits_its_verdict(path):
    for entry in report(path).entries:
        assert (entry.verdict == "refuted") == (entry.counterexample is not None)
        assert entry.verdict == "refuted" or (entry.correct, entry.fix, entry.others) == (None, None, ())
        assert entry.verdict != "undecided" or entry.reason
        assert entry.verdict == "proved" or entry.used == ()


# --- brute force -------------------------------------------------------------------------------------------------

SIZE = 3
H = mpmath.mpf(10) ** -16


class NoValueError(Exception):
    """Nothing can be said at this point."""


class World:
    """Definitions by name, random leaves, and derivatives as difference quotients."""

    def __init__(self, definitions, losses, same_loss, sizes, seed):
        self.definitions, self.losses, self.same_loss, self.sizes = definitions, losses, same_loss, sizes
        self.random, self.leaves = random.Random(seed), {}  # noqa: S311 -- no secrets
        self.moved, self.held, self.known = {}, frozenset(), {}

    def reads(self, name):
        letters, value = self.definitions.get(name, ((), None))
        inner = walk(value) if value is not None else ()
        skip = {plain(part) for node in inner if isinstance(node, Summation) and node.index for part in [node.index]}
        return {plain(node) for node in walk(value) if isinstance(node, Name)} - set(letters) - skip if value else set()

    def reached(self, name, seen=frozenset()):
        found = set()
        for one in self.reads(name) - seen - {name}:
            found |= {one} | (self.reached(one, seen | {name}) if one in self.definitions else set())
        return found

    def ambiguous(self, top, bottom):
        direct = self.reads(top)
        return bottom in direct and any(
            bottom in self.reached(one) for one in direct - {bottom, top} if one in self.definitions
        )

    @property
    def intermediates(self):
        return [
            name
            for name, (_, value) in self.definitions.items()
            if not any(isinstance(node, Partial) for node in walk(value))
        ]

    def outputs(self):
        inner = self.intermediates
        read = {one for name in inner for one in self.reads(name)}
        return [name for name in inner if name not in read]

    # --- values --------------------------------------------------------------------------------------------------

    def quantity(self, name, at):
        key = name, at, tuple(self.moved), self.held
        if key not in self.known:
            self.known[key] = self.plain_value(name, at) + self.moved.get((name, at), 0)
        return self.known[key]

    def plain_value(self, name, at):
        if name in self.held and (name, at) not in self.moved:
            saved = self.moved, self.held
            self.moved, self.held = {}, frozenset()
            try:
                return self.plain_value(name, at)
            finally:
                self.moved, self.held = saved
        if name in self.definitions:
            letters, value = self.definitions[name]
            if len(letters) != len(at):
                raise NoValueError
            return self.value(value, dict(zip(letters, at, strict=True)), {})
        if name in self.sizes and not at:
            return mpmath.mpf(SIZE)
        return self.leaf(name, at)

    def leaf(self, name, at):
        if (name, at) not in self.leaves:
            self.leaves[name, at] = mpmath.mpf(self.random.randint(2, 40)) / self.random.randint(7, 13)
        return self.leaves[name, at]

    def place(self, name, env):
        at = []
        for index in name.indices:
            if isinstance(index, Number) and index.digits.isdecimal():
                at.append(int(index.digits))
            elif isinstance(index, Name) and index.base in env:
                at.append(env[index.base])
            else:
                raise NoValueError
        return plain(name), tuple(at)

    def value(self, tree, env, readings):  # noqa: C901, PLR0911, PLR0912 -- one case for each kind of node
        def inner(part):
            return self.value(part, env, readings)

        match tree:
            case Number(digits):
                return mpmath.mpf(digits)
            case Name():
                return self.quantity(*self.place(tree, env))
            case Bracket(body):
                return inner(body)
            case Minus(one):
                return -inner(one)
            case Addition(terms):
                return mpmath.fsum(inner(one) for one in terms)
            case Product(factors):
                return mpmath.fprod(inner(one) for one in factors)
            case Fraction(top, bottom):
                below = inner(bottom)
                if abs(below) < mpmath.mpf(10) ** -25:
                    raise NoValueError
                return inner(top) / below
            case Root(one, degree):
                under = inner(one)
                if under <= 0:
                    raise NoValueError
                return mpmath.root(under, degree)
            case Power(Name("e", "", "", "", ()), exponent):
                return mpmath.exp(inner(exponent))
            case Power(base, exponent):
                under, power = inner(base), inner(exponent)
                if under == 0 or (under < 0 and power != int(power)):
                    raise NoValueError
                return under**power
            case Summation(index=Name() as index):
                skipped = inner_index(tree.other_than, env)
                inside = ({**env, index.base: at} for at in range(1, SIZE + 1) if at != skipped)
                return mpmath.fsum(self.value(tree.body, one, readings) for one in inside)
            case Indicator(left, right, relation):
                same = inner_index(left, env) == inner_index(right, env)
                return mpmath.mpf(same if relation == "=" else not same)
            case Call("exp", (argument,)):
                return mpmath.exp(inner(argument))
            case Partial(top, bottom):
                return self.derivative(top, bottom, env, readings)
        raise NoValueError

    # --- derivatives ---------------------------------------------------------------------------------------------

    def derivative(self, top, bottom, env, readings):
        above, below = plain(top), self.place(bottom, env)
        if self.moved:
            raise NoValueError
        if above in self.losses:
            return self.adjoint(self.same_loss.get(above, above), below)
        if above not in self.definitions:
            raise NoValueError
        place = self.place(top, env)
        local = readings == "local" and self.ambiguous(above, below[0])
        held = frozenset(self.intermediates) - {above} if local else frozenset()
        return self.slope(lambda: self.quantity(*place), below, held)

    def adjoint(self, loss, below):
        outputs = self.outputs()
        if below[0] in outputs:
            return self.leaf(f"∂{loss}/∂{below[0]}", below[1])
        if not any(below[0] in self.reached(one) for one in outputs):
            raise NoValueError
        return self.slope(lambda: mpmath.fsum(self.weighted(loss, one) for one in outputs), below, frozenset())

    def weighted(self, loss, name):
        letters, _ = self.definitions[name]
        every = product(range(1, SIZE + 1), repeat=len(letters))
        return mpmath.fsum(self.leaf(f"∂{loss}/∂{name}", at) * self.quantity(name, at) for at in every)

    def slope(self, function, below, held):
        ends = []
        for step in (H, -H):
            self.moved, self.held = {below: step}, held
            try:
                self.known = {key: one for key, one in self.known.items() if not key[2]}
                ends.append(function())
            finally:
                self.moved, self.held = {}, frozenset()
        return (ends[0] - ends[1]) / (2 * H)


def inner_index(index, env):
    if isinstance(index, Number):
        return int(index.digits)
    if isinstance(index, Name):
        return env.get(index.base, index.base)
    return None


def holds(checker, equation, readings, seed):
    """Whether an equation is true at three random points. Raises `NoValueError` where there is nothing to say."""
    definitions = {}
    for one in checker.story.defining.values():
        if one.name in definitions and one.value != definitions[one.name][1]:
            raise NoValueError
        definitions[one.name] = one.letters, one.value
    sizes = {name for name in checker.sizes.names() if not name.isdecimal()} | (set("mnNMDKBSTd") - set(definitions))
    bound = {node.index.base for side in (equation.left, equation.right) for node in walk(side)
             if isinstance(node, Summation) and node.index}  # fmt: skip
    letters = {i.base for side in (equation.left, equation.right) for node in walk(side) if isinstance(node, Name)
               for i in node.indices if isinstance(i, Name)} | bound  # fmt: skip
    with mpmath.workdps(50):
        for number in range(3):
            world = World(definitions, checker.story.losses, checker.story.same_loss, sizes, f"{seed}{number}")
            spread = world.random.sample(range(1, SIZE + 1), SIZE) * len(letters)
            shown = spread if number == 0 else [world.random.randint(1, SIZE) for _ in letters]
            env = dict(zip(sorted(letters), shown, strict=False))
            left, right = (world.value(side, env, readings) for side in (equation.left, equation.right))
            if abs(left - right) > mpmath.mpf(10) ** -15 * (1 + abs(left) + abs(right)):
                return False
    return True


# --- planted slips -----------------------------------------------------------------------------------------------

SLIPS = [
    (r"(?<=[^{(=&]) \+ ", " - "),
    (r"(?<=[^{(=&]) - ", " + "),
    (r"\\gamma(?:_[a-z])? ", ""),
    (r"\\hat\{x\}", "x"),
    (r"-3/2", "-1/2"),
    (r"-\\frac\{1\}\{2\}", ""),
    (r"(?<=[{ ])2(?=[ }(])", "3"),
    (r"\\frac\{1\}\{([mNn])\}", r"\1"),
    (r"\\sum_\{[a-z]=1\}\^\{?[A-Za-z]\}?", ""),
    (r"(?<=_)i\b", "k"),
    (r"(?<=_)j\b", "i"),
    (r"\\sqrt\{([^{}]*)\}", r"(\1)"),
    (r"\\epsilon", "0"),
    (r"\\mu", r"\\sigma^2"),
    (r"\^2", "^3"),
    (r"x_", "y_"),
    (r"(?<=[{ (])1(?=[ })])", "2"),
    (r"\\partial y", r"\\partial x"),
]
DOCUMENTS = [
    path
    for path in RIGHT
    if path.suffix != ".ipynb" and set(report(path).summary) <= {"definition", "proved", "notation"}
]


def claims(path):
    """The lines that hold one claim and nothing else, with the place of the claim among the equations."""
    source = path.read_text("utf-8")
    document = read_text(source, path.suffix[1:], given=stated(path))
    lines = [one.place.line for one in document.equations]
    checker = Checker(document, supplied(path))
    return source, [
        (key, one.place.line)
        for key, one in enumerate(document.equations)
        if lines.count(one.place.line) == 1 and key not in checker.story.defining and key not in checker.story.functions
    ]


def stated(path):
    from derive.check import _stated
    from derive.layers import load

    side = read_sidecar(path)
    return _stated(side.given, load(side.layer) if side.layer else None)


def supplied(path):
    from derive.layers import load

    name = read_sidecar(path).layer
    return len(load(name).forward) if name else 0


@cache
def planted(path):
    """Every slip in every claim of a document, as (source, key)."""
    source, found = claims(path)
    lines = source.split("\n")
    every = []
    for key, line in found:
        text = lines[line - 1]
        start = text.find("=") + 1
        for pattern, new in SLIPS:
            for match in re.finditer(pattern, text):
                if match.start() >= start:
                    changed = text[: match.start()] + match.expand(new) + text[match.end() :]
                    every.append(("\n".join([*lines[: line - 1], changed, *lines[line:]]), key))
    return tuple(every)


def outcome(path, source, key):
    document = read_text(source, path.suffix[1:], given=stated(path))
    if key >= len(document.equations):
        return None, None
    checker = Checker(document, supplied(path))
    return checker, checker.outcome(key, document.equations[key])


def judged(path, source, key):  # noqa: PLR0911 -- one for each verdict
    """The verdict on a planted slip, "proved" only where brute force agrees or has nothing to say."""
    checker, found = outcome(path, source, key)
    if found is None or found.judgement is None:
        return "definition"
    judgement = found.judgement
    readings = "local" if set(judgement.readings.values()) == {"local"} else "total"
    if isinstance(judgement.verdict, Proved):
        if judgement.assumed or len(set(judgement.readings.values())) > 1:
            return "not looked at"
        try:
            true = holds(checker, found.equation, readings, source)
        except NoValueError:
            return "not looked at"
        assert true, f"proved but false: {found.equation.latex}"
        return "proved"
    if isinstance(judgement.verdict, Refuted):
        try:
            true = not judgement.assumed and holds(checker, found.equation, readings, source)
        except NoValueError:
            return "refuted"
        assert not true, f"refuted but true: {found.equation.latex}"
        return "refuted"
    return "undecided"


@cache
def unplanted(path):
    source, found = claims(path)
    return tuple(judged(path, source, key) for key, _ in found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_what_the_corpus_proves_is_true_by_brute_force(path):
    assert set(unplanted(path)) <= {"proved", "not looked at"}


def test_brute_force_has_something_to_say():
    """Otherwise the tests around this one say nothing."""
    verdicts = [verdict for path in DOCUMENTS for verdict in unplanted(path)]
    assert verdicts.count("proved") >= 0.7 * len(verdicts), verdicts
    checker, found = outcome(*next((path, *one) for path in DOCUMENTS for one in planted(path)))
    assert not holds(checker, found.equation, "total", "x")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_planted_slip_is_refuted_or_true(path):
    """Some slips are none (x for x̂ under Σx̂ = 0 …): those may stay proved, if brute force agrees."""
    every = planted(path)
    some = random.Random(path.stem).sample(every, min(len(every), 8))  # noqa: S311 -- no secrets
    verdicts = [judged(path, *one) for one in some]
    assert "refuted" in verdicts
    assert verdicts.count("proved") + verdicts.count("not looked at") <= 0.4 * len(verdicts), verdicts


SOME = 3
"""How many slips are planted in a document with three indices or more on a name: brute force takes its time there."""


@pytest.mark.slow
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_planted_slip_is_refuted_or_true(path):
    every = planted(path)
    document = read_text(path.read_text("utf-8"), path.suffix[1:], given=stated(path))
    rank = max((len(one.letters) for one in Checker(document, supplied(path)).story.defining.values()), default=0)
    chosen = every if rank <= 2 else random.Random(f"{path.stem} many").sample(every, min(len(every), SOME))  # noqa: S311
    for one in chosen:
        judged(path, *one)


GOOD = [path for path in DOCUMENTS if path.suffix == ".tex"]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_two_slips_at_once_are_proved_only_if_true(data):
    """Two slips may cancel: then, and only then, the claim may be proved."""
    path = data.draw(st.sampled_from(GOOD))
    source, key = data.draw(st.sampled_from(planted(path)))
    lines = source.split("\n")
    line = next(line for one, line in claims(path)[1] if one == key) - 1
    pattern, new = data.draw(st.sampled_from(SLIPS))
    start = lines[line].find("=") + 1
    found = [match for match in re.finditer(pattern, lines[line]) if match.start() >= start]
    if found:
        match = data.draw(st.sampled_from(found))
        lines[line] = lines[line][: match.start()] + match.expand(new) + lines[line][match.end() :]
    judged(path, "\n".join(lines), key)


# --- the door ----------------------------------------------------------------------------------------------------


def test_a_text_and_a_file_get_the_same(tmp_path):
    source = (CHECKS / "caffe-3878.tex").read_text("utf-8")
    copy = tmp_path / "copy.tex"
    copy.write_text(source, "utf-8")
    assert check_text(source, "tex").entries == check_file(str(copy)).entries


MISSING = ["nowhere.tex", "", "a\0b.tex"]


@pytest.mark.parametrize("path", MISSING)
def test_a_missing_file_is_an_error_in_the_report(path):
    found = check_file(path)
    assert found.verdict == "error"
    assert found.error.count(".") >= 2
    assert found.entries == ()


def test_a_checked_file_is_the_same_twice():
    path = CHECKS / "wrong" / "sign.tex"
    assert check_file(str(path)) == check_file(str(path))


def test_a_given_in_the_document_that_cannot_be_read_is_told():
    first, second = check_text("% given: (\n\\[ a_i = b_i \\]", "tex").entries
    assert (first.verdict, first.line, second.verdict) == ("unreadable", 1, "definition")
