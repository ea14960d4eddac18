r"""The report as a LaTeX article, with the computation graph drawn in TikZ.

Promises: the source is pure ASCII whatever the names are, needs only amsmath, TikZ and the usual small packages, and
compiles with pdflatex, lualatex and tectonic without an overfull line wherever a formula has a place to break at. Every
formula of the report is a display equation of its own, `left = right` or `left &= right` in a split; numbers are the
report's numbers, verdicts and rules stand in the text. The same report gives the same bytes.

The sentences and tables that the Markdown writer shares are here too: each takes a `Voice`, which says how a formula, a
text and a number are written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from derive.report import ClosedFormLine, Example, Formula, GraphNode, Judged, Line, Report

__all__ = [
    "LOSS_NOTE", "SECTIONS", "Table", "Voice", "abstract", "by_width", "conditions", "counterexample",
    "drawn_nodes", "failures", "latex", "listed", "meanings", "measures", "numeric_table", "operations", "proof_table",
    "reached", "remark", "rows", "sentence_case", "spelled_note",
]  # fmt: skip

# --- what is said, in any format ---------------------------------------------------------------------------------

SECTIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "forward pass": ("Forward pass", "Each line defines one intermediate; the last is the output."),
    "local partials": (
        "Local partial derivatives",
        "Each intermediate is differentiated with all others held fixed, once for every solid arrow of the graph.",
    ),
    "adjoints": (
        "Adjoints",
        "An adjoint is a sum over everything that reads the intermediate: its adjoint times its local partial.",
    ),
    "simplification": (
        "Simplification",
        "The adjoints are put into each other until only the upstream gradient is left, and the result is folded.",
    ),
})  # fmt: skip
MEANINGS: Final = (
    ("proved", "the normal forms of both sides are equal, so the equation holds for every m ≥ 1 under the conditions"),
    ("refuted", "exact evaluation shows that the sides differ; the smallest counterexample is given in full"),
    ("undecided", "neither, and not to be taken for a proof"),
    ("passed", "floating-point evidence within its tolerance, which is no proof"),
    ("failed", "outside that tolerance"),
)
HOLLOW: Final = "A proof that says nothing carries the note “both sides are 0” or “same on both sides”."
MEASURES: Final = (
    "The closed form in NumPy on random data with a weighted loss. Relative: max|error| / max|gradient|. Scaled: "
    "max|error| over the natural size of the gradient’s terms, which the tolerance bounds. A row is its worst case."
)
LOSS_NOTE: Final = "The loss L is any differentiable function of the output; only the upstream gradient enters:"
MEASURES_STABLE: Final = (
    "The closed form in NumPy on random data with a weighted loss. Measured errors differ from machine to machine and "
    "are left out of this report."
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How one format writes a formula inside a sentence, a plain text, a stressed word, a verdict and a number."""

    math: Callable[[Formula], str]
    prose: Callable[[str], str]
    strong: Callable[[str], str]
    verdict: Callable[[str], str]
    number: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells that are already written for a format."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def without(self, dropped: Iterable[int]) -> Table:
        """The table without some columns."""
        kept = [at for at in range(len(self.head)) if at not in set(dropped)]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(tuple(self.head[at] for at in kept), rows)


def abstract(report: Report, voice: Voice) -> str:
    """Two sentences: what was derived, and the overall verdict."""
    names = listed([voice.math(form.name) for form in report.closed_forms])
    spelled = any(line.spelled_out for line in (*report.forward, *report.steps))
    at = voice.prose(f", with the sums spelled out at m = {report.m}") if spelled else ""
    first = (
        f"The backward pass of the layer {voice.strong(voice.prose(report.title))} is derived from its forward pass in "
        f"{len(report.steps)} steps and folded into closed forms for {names}, each compared with the one stated{at}."
    )
    return f"{first} The overall verdict is {voice.verdict(report.verdict)}: {voice.prose(_score(report))}."


def _score(report: Report) -> str:
    steps = f"{share(line.judged.verdict == 'proved' for line in report.steps)} steps"
    forms = f"{share(form.judged.verdict == 'proved' for form in report.closed_forms)} closed forms"
    oracles = f"{share(line.passed for line in report.numeric)} comparisons with a numerical oracle passed"
    return f"{steps} and {forms} are proved for every batch size, and {oracles}"


def share(marks: Iterable[bool]) -> str:
    """How many of how many: "24 of 25"."""
    found = list(marks)
    return f"{sum(found)} of {len(found)}"


def listed(items: Sequence[str]) -> str:
    """Items with commas and an "and": a, b and c."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def sentence_case(text: str) -> str:
    """A capital at the start, unless the text starts with a name."""
    return text[0].upper() + text[1:] if text[:2].isascii() and text[:2].isalpha() else text


def remark(line: Line, voice: Voice, room: float) -> tuple[str, tuple[Formula, ...]]:
    """The rule of a step with the identities it used, and those identities that are too wide for a sentence."""
    short, wide = by_width(line.because, room)
    because = f", because {listed([voice.math(one) for one in short])}" if short else ""
    return f"{voice.prose(sentence_case(line.rule))}{because}.", wide


def by_width(formulas: Iterable[Formula], room: float) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
    """The formulas that a sentence can hold, and those that need a display."""
    found = tuple(formulas)
    return tuple(one for one in found if width(one.latex) <= room), tuple(
        one for one in found if width(one.latex) > room
    )


def reached(judged: Judged, voice: Voice) -> str:
    """The verdict with its note."""
    note = f" ({voice.prose(judged.note)})" if judged.note else ""
    return voice.verdict(judged.verdict) + note


def spelled_note(report: Report) -> str:
    """What stands before an equation that is spelled out."""
    return f"At m = {report.m}:"


def operations(form: ClosedFormLine) -> str:
    """The two operation counts, as a sentence."""
    staged, found = form.operations_staged, form.operations_found
    return f"{counted(staged, 'operation')} in the staged form, {found} in this one."


def counted(number: int, thing: str) -> str:
    """The number with its noun: "1 operation", "2 operations"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def counterexample(example: Example, voice: Voice) -> str:
    """All of a counterexample: sizes, indices, values, both sides."""
    values = [*example.sizes.items(), *example.at.items(), *example.values.items()]
    given = ", ".join(voice.prose(f"{name}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value}") for name, value in values)
    return f"Counterexample: {given}; left side {voice.prose(example.left)}, right side {voice.prose(example.right)}."


def conditions(report: Report) -> tuple[Formula, ...]:
    """Everything that a proof of the report divides by, once each."""
    judged = [*(line.judged for line in report.steps), *(form.judged for form in report.closed_forms)]
    return tuple(dict.fromkeys(one for verdict in judged for one in verdict.conditions))


def meanings(voice: Voice) -> str:
    """What the verdict words mean, as one paragraph."""
    words = "; ".join(f"{voice.verdict(word)}: {voice.prose(text)}" for word, text in MEANINGS)
    return f"{words}. {voice.prose(HOLLOW)}"


def proof_table(report: Report, voice: Voice) -> Table:
    """The routes to the closed forms; without times where the report is stable."""
    head = ("Route", "Scope", "Verdict", "Time")
    rows = tuple(
        (
            voice.prose(sentence_case(one.name)),
            voice.prose(one.detail),
            voice.verdict(one.verdict or "not taken"),
            voice.prose(elapsed(one.seconds) if one.verdict else "–"),
        )
        for one in report.checks
    )
    table = Table(head, rows)
    return table.without([3]) if report.stable else table


def elapsed(seconds: float) -> str:
    """A time with its unit."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def numeric_table(report: Report, voice: Voice) -> Table:
    """The oracles; without measured errors where the report is stable."""
    head = ("Oracle", "dtype", "Cases", "Relative", "Scaled", "Tolerance", "Result", "Worst case")
    rows = tuple(
        (
            voice.prose(one.against),
            voice.prose(one.dtype),
            str(one.cases),
            *map(voice.number, (one.max_relative_error, one.scaled_error, one.tolerance)),
            voice.verdict("passed" if one.passed else "failed"),
            voice.prose(one.worst_case),
        )
        for one in report.numeric
    )
    table = Table(head, rows)
    return table.without([3, 4, 5, 7]) if report.stable else table


def measures(report: Report) -> str:
    """What the columns of the numeric table mean."""
    return MEASURES_STABLE if report.stable else MEASURES


def failures(report: Report, voice: Voice) -> Iterator[str]:
    """One sentence for each element that a route did not prove, with its counterexample or reason."""
    for check in report.checks:
        for name, judged in check.failing:
            why = counterexample(judged.counterexample, voice) if judged.counterexample else voice.prose(judged.reason)
            yield f"{voice.prose(sentence_case(check.name))}, for {voice.prose(name)}: {reached(judged, voice)}. {why}"


# --- the width of a formula, and where to break it ---------------------------------------------------------------

_TOKENS: Final = re.compile(r"\\[A-Za-z]+|\\.|[{}^_]|\s+|.", re.DOTALL)
_SIZES: Final = MappingProxyType(
    {"+": 1.25, "-": 1.25, "=": 1.35, r"\cdot": 0.75, ",": 0.45, r"\sum": 1.65, r"\ ": 0.35, "/": 0.5, "(": 0.4}
    | {")": 0.4, r"\left": 0.4, r"\right": 0.4, r"\quad": 1.0, "}": 0.0}
)
_WRAPPERS: Final = frozenset(("mathrm", "mathcal", "operatorname", "text", "hat", "bar", "tilde", "dot", "vec"))
_BREAKS: Final = ("+", "-", "=")
_HELD: Final = frozenset(("+", "-", "=", "(", "", r"\cdot", r"\left", r"\right"))  # nothing may be cut off behind these
_HOLDING: Final = frozenset(("+", "-", "=", r"\bigr", r"\Bigr", r"\Biggr"))  # nor before these
_OPEN: Final = r"\left("
_CLOSE: Final = r"\right)"


def width(latex: str) -> float:
    """About how many em a formula takes in a display; rather too many than too few."""
    tokens = _TOKENS.findall(latex)
    total, at = 0.0, 0
    while at < len(tokens):
        # In a fraction or an exponent the limits of a Σ stand beside it, elsewhere above and below.
        size, at = _sum_size(tokens, at + 1) if tokens[at] == r"\sum" else _size(tokens, at)
        total += size
    return total


def _sum_size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    """The width of a Σ with its limits above and below; `at` is the token behind it."""
    widest = _SIZES[r"\sum"]
    while at < len(tokens) and tokens[at] in ("^", "_"):
        size, at = _size(tokens, at)
        widest = max(widest, size)
    return widest + 0.2, at


def _size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    """The width of the atom that starts at a word, and where the next one starts."""
    word = tokens[at] if at < len(tokens) else ""
    if word == "{":
        return _group_size(tokens, at + 1)
    if word in ("^", "_"):
        size, at = _size(tokens, at + 1)
        return 0.72 * size, at
    if word == r"\frac":
        above, at = _size(tokens, at + 1)
        below, at = _size(tokens, at)
        return max(above, below) + 0.35, at
    if word == r"\sqrt":
        size, at = _size(tokens, at + 1)
        return size + 0.95, at
    if word[1:] in _WRAPPERS:
        return _size(tokens, at + 1)
    return _plain_size(word), at + 1


def _group_size(tokens: Sequence[str], at: int) -> tuple[float, int]:
    total = 0.0
    while at < len(tokens) and tokens[at] != "}":
        size, at = _size(tokens, at)
        total += size
    return total, at + 1


def _plain_size(word: str) -> float:
    if word in _SIZES or not word.strip():
        return _SIZES.get(word, 0.0)
    return 0.62 if word.isascii() else 3.6


def terms(latex: str) -> list[str]:
    """A formula cut before every +, − and = that stands outside all braces and brackets."""
    found, depth = [""], 0
    tokens = _TOKENS.findall(latex)
    for before, word, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
        if depth == 0 and word in _BREAKS and before.isspace() and after.isspace():
            found.append("")
        found[-1] += word
    return [one.strip() for one in found]


def pieces(latex: str, limit: float) -> list[str]:
    """A formula in parts that a line can end between. A term wider than the limit is opened at its widest bracket."""
    parts = []
    for term in terms(latex):
        parts += [term] if width(term) <= limit else _opened(term, limit)
    return parts


def _opened(term: str, limit: float) -> list[str]:
    r"""The parts of one wide term. \left( cannot span lines: its bracket becomes a \bigl( of fixed size."""
    term = _widest_first(term)
    inside = _bracket(term)
    if inside is None:
        return [term]
    start, stop = inside
    first, *others = pieces(term[start + len(_OPEN) : stop].strip(), limit)
    size = "Bigg" if r"\frac" in term[start:stop] else "Big" if r"\sum" in term[start:stop] else "big"
    parts = [rf"{term[:start]}\{size}l( {first}", *others]
    parts[-1] += rf" \{size}r){term[stop + len(_CLOSE) :]}"
    return parts


def _widest_first(term: str) -> str:
    r"""\frac{A}{B} with a long A as \frac{1}{B} \left( A \right), so that A can be broken; other terms as they are."""
    found = _fraction(term)
    inside = _bracket(term)
    if found is None or (inside and width(term[slice(*inside)]) > width(found[1])):
        return term
    before, above, below, after = found
    return (
        term if after.lstrip()[:1] in ("^", "_") else rf"{before}\frac{{1}}{{{below}}} {_OPEN} {above} {_CLOSE}{after}"
    )


def _fraction(term: str) -> tuple[str, str, str, str] | None:
    """The widest fraction outside all brackets that has a + or − on top: what is before, above, below and after it."""
    depth, found = 0, []
    for at in _places(term):
        word = term[at.start() : at.end()]
        if depth == 0 and word == r"\frac":
            middle = _closing(term, at.end())
            stop = _closing(term, middle)
            above = term[at.end() + 1 : middle - 1]
            found.append((term[: at.start()], above, term[middle + 1 : stop - 1], term[stop:]))
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
    broken = [one for one in found if len(terms(one[1])) > 1]
    return max(broken, key=lambda one: width(one[1]), default=None)


def _places(latex: str) -> Iterator[re.Match[str]]:
    return _TOKENS.finditer(latex)


def _closing(latex: str, start: int) -> int:
    """The place behind the group that starts with the brace at `start`."""
    depth = 0
    for at in re.finditer(r"\\.|[{}]", latex[start:]):
        depth += (at[0] == "{") - (at[0] == "}")
        if depth == 0:
            return start + at.end()
    return len(latex)


def _bracket(term: str) -> tuple[int, int] | None:
    r"""Where the widest \left( … \right) outside all braces starts, and where its \right) does."""
    depth, start, found = 0, 0, []
    for at in _places(term):
        word = at[0]
        if depth == 0 and word == r"\left":
            start = at.start()
        depth += (word in ("{", r"\left")) - (word in ("}", r"\right"))
        if depth == 0 and word == r"\right":
            found.append((start, at.start()))
    round_ones = [(low, high) for low, high in found if term.startswith(_OPEN, low) and term.startswith(_CLOSE, high)]
    return max(round_ones, key=lambda one: width(term[slice(*one)]), default=None)


def rows(latex: str, room: float) -> list[str]:
    r"""An equation in lines of at most `room` em. One line is the equation as it is; more are aligned with &."""
    left, *right = terms(latex)
    if width(latex) <= room or not right:
        return [latex]
    limit = max(room - width(left) - 2.5, room / 2)
    first, *others = _filled(pieces(latex[len(left) :].strip().removeprefix("= "), limit), limit)
    return [f"{left} &= {first}", *(rf"&\quad {line}" for line in others)] if others else [f"{left} = {first}"]


def _filled(parts: Iterable[str], limit: float) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and width(f"{lines[-1]} {part}") <= limit:
            lines[-1] += f" {part}"
        else:
            lines += [part] if width(part) <= limit else _by_factors(part, limit)
    return lines


def _by_factors(part: str, limit: float) -> list[str]:
    r"""A part with nothing left to open, broken between factors: the \cdot says that the product goes on."""
    first, *others = factors(part)
    lines = [first]
    for factor in others:
        if width(f"{lines[-1]} {factor}") <= limit:
            lines[-1] += f" {factor}"
        else:
            lines.append(factor if factor.startswith(r"\cdot") else rf"\cdot {factor}")
    return lines


def factors(latex: str) -> list[str]:
    """A product cut before every factor; signs and brackets of fixed size stay with the factor they belong to."""
    found, depth, last = [""], 0, ""
    for word in _TOKENS.findall(latex):
        depth -= word in ("}", r"\right")
        if depth == 0 and found[-1].endswith(" ") and not word.isspace() and last not in _HELD and word not in _HOLDING:
            found.append("")
        depth += word in ("{", r"\left")
        found[-1] += word
        last = last if word.isspace() else word
    return [one.strip() for one in found]


# --- Unicode text as ASCII LaTeX ---------------------------------------------------------------------------------

_GREEK_LETTERS: Final = "αβγδεζηθικλμνξπρστυφχψωςϵΓΔΘΛΞΠΣΥΦΨΩ"
_GREEK_WORDS: Final = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega varsigma epsilon Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK: Final = MappingProxyType(dict(zip(_GREEK_LETTERS, _GREEK_WORDS.split(), strict=True)))
_MATH_ACCENTS: Final = MappingProxyType({"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"})
_TEXT_ACCENTS: Final = MappingProxyType(
    dict(
        zip(
            "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
            "`'^~=u.\"rHvck",
            strict=True,
        )
    )
)
_CHARACTERS: Final = MappingProxyType({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "…": r"\dots{}", "–": "--", "—": "---", "“": "``", "”": "''",
    "‘": "`", "’": "'", "\u00a0": "~", "≥": r"$\ge$", "≤": r"$\le$", "≠": r"$\ne$", "−": "$-$", "×": r"$\times$",
    "·": r"$\cdot$", "√": r"$\surd$", "∞": r"$\infty$", "≈": r"$\approx$", "→": r"$\to$", "∈": r"$\in$",
    "Σ": r"$\sum$", "∂": r"$\partial$", "ℓ": r"$\ell$", "°": r"\textdegree{}", "ß": r"\ss{}", "ø": r"\o{}",
    "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}", "å": r"\aa{}", "Å": r"\AA{}", "\t": " ", "\n": " ",
})  # fmt: skip
_UP: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_DOWN: Final = "₀₁₂₃₄₅₆₇₈₉"
_FROM_SMALL: Final = str.maketrans(_UP + _DOWN, "0123456789-0123456789")
_LETTERS: Final = "mnLgijk"  # single letters that are names in any report; others are if the graph has them
_NAME: Final = (
    rf"[^\W\d_][{''.join(_MATH_ACCENTS)}]*[{_UP}]*"
    rf"(?:_\{{[\w,]+\}}|_\w+(?:,\w+)*|[{_DOWN}]+)?[{_UP}]*(?![^\W_]|[\u0300-\u036f])"
)


@cache
def _prose_pattern() -> re.Pattern[str]:
    """Compiled when it is first needed, which keeps the import short."""
    return re.compile(
        rf"(?<![^\W_])(?<![\u0300-\u036f])(?:(?P<top>∂{_NAME})/(?P<bottom>∂{_NAME})|(?P<name>{_NAME}))"
        r"|(?P<minus>-(?=\d))|(?P<accented>[A-Za-z][\u0300-\u036f])|(?P<other>.)",
        re.DOTALL,
    )


@cache
def _parts_pattern() -> re.Pattern[str]:
    """The parts of one name."""
    return re.compile(
        rf"(?P<base>.)(?P<accents>[{''.join(_MATH_ACCENTS)}]*)(?P<up>[{_UP}]*)"
        rf"(?:_\{{?(?P<word>[\w,]+)\}}?|(?P<down>[{_DOWN}]+))?(?P<after>[{_UP}]*)"
    )


class Prose:
    """Turns running text into LaTeX: names become maths, everything else is escaped."""

    def __init__(self, nodes: Iterable[GraphNode]) -> None:
        bare = {_plain(node.name): ascii_math(_stem(node.symbol)) for node in nodes}
        self._letters = frozenset((*_LETTERS, *(name for name in bare if len(name) == 1 and name != "a")))
        # Only names that the pattern of names does not read: words and anything odd.
        self._odd = {name: latex for name, latex in bare.items() if not re.fullmatch(_NAME, name)}
        longest = sorted(map(re.escape, self._odd), key=len, reverse=True)
        self._known = re.compile(rf"(?<!\w)({'|'.join(longest)})(?!\w)") if longest else None

    def __call__(self, text: str) -> str:
        plain = _plain(text)
        if self._known is None:
            return _prose_pattern().sub(self._written, plain)
        parts = self._known.split(plain)
        return "".join(f"${self._odd[part]}$" if at % 2 else self._unknown(part) for at, part in enumerate(parts))

    def _unknown(self, text: str) -> str:
        return _prose_pattern().sub(self._written, text)

    def _written(self, found: re.Match[str]) -> str:
        if found["top"]:
            top, bottom = (_math_name(found[part].removeprefix("∂")) for part in ("top", "bottom"))
            return rf"$\partial {top}/\partial {bottom}$"
        if found["name"]:
            return self._name(found["name"])
        if found["minus"]:
            return "$-$"
        return _accented(found["accented"]) if found["accented"] else _character(found["other"])

    def _name(self, name: str) -> str:
        """A name as maths; a single letter that no name has is a word."""
        if len(name) == 1 and name not in self._letters and name not in _GREEK:
            return _character(name)
        return _character(name) if name == "Σ" else f"${_math_name(name)}$"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _stem(symbol: Formula) -> str:
    """The LaTeX of a name without its indices: x for x_{i}."""
    return re.sub(r"_\{[^{}]*\}$", "", symbol.latex) if "_" in symbol.text else symbol.latex


def _math_name(name: str) -> str:
    found = _parts_pattern().match(name)
    if found is None:
        return _math_letter(name[0])
    letter = _math_letter(found["base"])
    for accent in found["accents"]:
        letter = rf"\{_MATH_ACCENTS[accent]}{{{letter.rstrip()}}}"
    raised = (found["up"] or found["after"]).translate(_FROM_SMALL)
    lowered = found["word"] or (found["down"] or "").translate(_FROM_SMALL)
    below = "".join(map(_math_letter, lowered))
    return letter.rstrip() + (f"^{{{raised}}}" if raised else "") + (f"_{{{below.rstrip()}}}" if below else "")


def _math_letter(char: str) -> str:
    if char in _GREEK:
        return rf"\{_GREEK[char]} "
    return {"_": r"\_", "ℓ": r"\ell "}.get(char) or (char if char.isascii() else rf"\text{{{_code(char)}}}")


def _accented(pair: str) -> str:
    accent = _TEXT_ACCENTS.get(pair[1])
    return rf"\{accent}{{{pair[0]}}}" if accent else pair[0]


def _character(char: str) -> str:
    if char in _CHARACTERS:
        return _CHARACTERS[char]
    return char if char.isascii() and char.isprintable() else _code(char)


def _code(char: str) -> str:
    """A character that no usual font has, by its number."""
    return f"U+{ord(char):04X}"


def ascii_math(latex: str) -> str:
    """A formula with every character outside ASCII, which can only come from an odd name, written by its number."""
    return "".join(char if char.isascii() else rf"\text{{{_code(char)}}}" for char in latex)


# --- the computation graph ---------------------------------------------------------------------------------------

# A place in a column: a node by its name, or the point where an edge passes by: source, target, column.
Spot: TypeAlias = tuple[str, ...]
Columns: TypeAlias = list[list[Spot]]
Links: TypeAlias = tuple[tuple[Spot, Spot], ...]

LOSS: Final = "L"
_SWEEPS: Final = 12
_LONGEST_ROW: Final = 15.4  # centimetres of text width that the drawing may take
_PORT: Final = 0.34  # between two arrows at one side of a node
_APART: Final = 0.055  # half the distance between an edge and its gradient


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` is read by `target`; `back` says whether a gradient flows back."""

    source: str
    target: str
    back: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node to draw: its symbol, the adjoint under it, how it looks."""

    name: str
    symbol: str
    adjoint: str
    kind: str
    reads: tuple[str, ...]


def drawn_nodes(report: Report) -> tuple[Drawn, ...]:
    """The graph's nodes and the loss."""
    named = {line.name.text for line in report.steps} | {form.name.text for form in report.closed_forms}
    nodes = [_drawn(node, named) for node in report.graph]
    output = next(node.name for node in report.graph if node.kind == "output")
    # No layer's name is LOSS with a blank, so the loss is a node of its own even where a layer has an L.
    return (*nodes, Drawn(f"{LOSS} ", LOSS, "", "loss", (output,)))


def _drawn(node: GraphNode, named: set[str]) -> Drawn:
    flows = node.kind == "output" or f"∂L/∂{node.symbol.text}" in named
    symbol = ascii_math(node.symbol.latex)
    return Drawn(node.name, symbol, rf"\partial L/\partial {symbol}" if flows else "", node.kind, node.reads)


def column_of(nodes: Sequence[Drawn]) -> dict[str, int]:
    """The column of each node: longest path for intermediates, an input just before the first that reads it."""
    inputs = [node.name for node in nodes if node.kind == "input"]
    found: dict[str, int] = {}
    for node in nodes:
        if node.name not in inputs:
            found[node.name] = 1 + max((found[read] for read in node.reads if read not in inputs), default=0)
    for name in inputs:
        found[name] = min((found[node.name] for node in nodes if name in node.reads), default=1) - 1
    return found


def chains(nodes: Sequence[Drawn], column: Mapping[str, int]) -> dict[Edge, list[Spot]]:
    """Each edge with the spots it runs through, one for every column."""
    adjoint = {node.name: bool(node.adjoint) for node in nodes}
    found = {}
    for node in nodes:
        for read in node.reads:
            between = range(column[read] + 1, column[node.name])
            through = [(read, node.name, str(at)) for at in between]
            found[Edge(read, node.name, adjoint[read])] = [(read,), *through, (node.name,)]
    return found


def ordered(columns: Columns, links: Links) -> Columns:
    """The columns with their spots in an order that has few crossings: sweeps of averages, then swaps."""
    best, least = columns, crossings(columns, links)
    for sweep in range(_SWEEPS):
        columns = _swept(columns, links, forward=sweep % 2 == 0)
        if (count := crossings(columns, links)) < least:
            best, least = columns, count
    return _swapped(best, links)


def _swept(columns: Columns, links: Links, *, forward: bool) -> Columns:
    turned = links if forward else tuple((target, source) for source, target in links)
    new = [list(column) for column in columns]
    for at in range(1, len(new)) if forward else range(len(new) - 2, -1, -1):
        beside = {spot: float(place) for place, spot in enumerate(new[at - 1 if forward else at + 1])}
        own = {spot: float(place) for place, spot in enumerate(new[at])}
        new[at].sort(key=lambda spot: mean([beside[s] for s, t in turned if t == spot and s in beside], own[spot]))
    return new


def mean(values: Sequence[float], default: float) -> float:
    """The average, or the default for none."""
    return sum(values) / len(values) if values else default


def crossings(columns: Columns, links: Links) -> int:
    """How many pairs of links cross."""
    place = {spot: at for column in columns for at, spot in enumerate(column)}
    of = {spot: number for number, column in enumerate(columns) for spot in column}
    ends = [(of[source], place[source], place[target]) for source, target in links]
    return sum(a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0 for at, a in enumerate(ends) for b in ends[:at])


def _swapped(columns: Columns, links: Links) -> Columns:
    """Neighbours in a column change places as long as that saves a crossing."""
    least = crossings(columns, links)
    better = True
    while better:
        better = False
        for number, column in enumerate(columns):
            for at in range(len(column) - 1):
                tried = [*column[:at], column[at + 1], column[at], *column[at + 2 :]]
                trial = [*columns[:number], tried, *columns[number + 1 :]]
                if (count := crossings(trial, links)) < least:
                    columns, least, column, better = trial, count, tried, True  # noqa: PLW2901
    return columns


def heights(columns: Columns, links: Links, gap: Callable[[Spot, Spot], float]) -> dict[Spot, float]:
    """The height of every spot, from the top down: near the average of its neighbours, never nearer than the gap."""
    found = {spot: at * 1.0 for column in columns for at, spot in enumerate(column)}
    beside: dict[Spot, list[Spot]] = {spot: [] for spot in found}
    for source, target in links:
        beside[source].append(target)
        beside[target].append(source)
    for _ in range(4 * _SWEEPS):
        for column in columns:
            wanted = [mean([found[other] for other in beside[spot]], found[spot]) for spot in column]
            found.update(zip(column, spread(wanted, [gap(*pair) for pair in pairwise(column)]), strict=True))
    return found


def spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (least squares) with at least these gaps: pool adjacent violators."""
    offset = [0.0]
    for one in gaps:
        offset.append(offset[-1] + one)
    pools: list[list[float]] = []
    for value, moved in zip(wanted, offset, strict=True):
        pools.append([value - moved])
        while len(pools) > 1 and mean(pools[-2], 0) > mean(pools[-1], 0):
            last = pools.pop()
            pools[-1] += last
    return [mean(pool, 0) + move for move, pool in zip(offset, (pool for pool in pools for _ in pool), strict=True)]


class Drawing:
    """The graph as TikZ: columns from left to right, every edge from a port of its own to a port of its own."""

    def __init__(self, report: Report) -> None:
        self.nodes = {node.name: node for node in drawn_nodes(report)}
        column = column_of(list(self.nodes.values()))
        self.chains = chains(list(self.nodes.values()), column)
        links: Links = tuple(link for chain in self.chains.values() for link in pairwise(chain))
        self.columns = ordered(self._columns(column), links)
        self.tall = {name: self._tallness(name) for name in self.nodes}
        self.y = heights(self.columns, links, self._gap)
        self.x = self._lefts()
        self.ports = self._ports()

    def _columns(self, column: Mapping[str, int]) -> Columns:
        found: Columns = [[] for _ in range(max(column.values()) + 1)]
        for name, at in column.items():
            found[at].append((name,))
        for chain in self.chains.values():
            for spot in chain[1:-1]:
                found[int(spot[2])].append(spot)
        # Inputs first: where it makes no crossing, parameters stand above the row of intermediates.
        return [sorted(one, key=lambda spot: (len(spot) > 1, self.nodes[spot[0]].kind != "input")) for one in found]

    def _tallness(self, name: str) -> float:
        most = max(sum(edge.target == name for edge in self.chains), sum(edge.source == name for edge in self.chains))
        return max(0.72, _PORT * (most - 1) + 0.46)

    def _half(self, spot: Spot) -> tuple[float, float]:
        """How far a spot reaches up and down; a node's adjoint stands under it."""
        if len(spot) > 1:
            return 0.1, 0.1
        half = self.tall[spot[0]] / 2
        return half, half + (0.5 if self.nodes[spot[0]].adjoint else 0)

    def _gap(self, upper: Spot, lower: Spot) -> float:
        return self._half(upper)[1] + self._half(lower)[0] + 0.3

    def _wide(self, name: str) -> float:
        return round(max(0.95, 0.4 * width(self.nodes[name].symbol) + 0.4), 2)

    def _lefts(self) -> list[tuple[float, float]]:
        """Where each column starts and ends."""
        found, at = [], 0.0
        for column in self.columns:
            wide = max((self._wide(spot[0]) for spot in column if len(spot) == 1), default=0.5)
            found.append((at, at + wide))
            at += wide + 1.55
        return found

    def _ports(self) -> dict[tuple[Edge, bool], float]:
        """The height at which each edge leaves (False) and enters (True)."""
        found: dict[tuple[Edge, bool], float] = {}
        for name in self.nodes:
            for enters in (False, True):
                edges = [edge for edge in self.chains if (edge.target if enters else edge.source) == name]
                edges.sort(key=lambda edge: self.y[self.chains[edge][-2 if enters else 1]])
                for at, edge in enumerate(edges):
                    found[edge, enters] = self.y[name,] + _PORT * (at - (len(edges) - 1) / 2)
        return found

    def tikz(self) -> str:
        """The whole picture, made smaller where it is wider than the text."""
        scale = min(1.0, _LONGEST_ROW / self.x[-1][1])
        options = f"[scale={scale:.3f}, transform shape]" if scale < 1 else ""
        lines = [*self._node_lines(), *self._edge_lines()]
        return "\n".join([rf"\begin{{tikzpicture}}{options}", *(f"  {line}" for line in lines), r"\end{tikzpicture}"])

    def _node_lines(self) -> Iterator[str]:
        for number, column in enumerate(self.columns):
            for name in (spot[0] for spot in column if len(spot) == 1):
                node, (left, right) = self.nodes[name], self.x[number]
                size = f"minimum width={self._wide(name):.2f}cm, minimum height={self.tall[name]:.2f}cm"
                at = point((left + right) / 2, self.y[name,])
                yield rf"\node[{node.kind}, {size}] at {at} {{${node.symbol}$}};"
                if node.adjoint:
                    under = point((left + right) / 2, self.y[name,] + self.tall[name] / 2 + 0.24)
                    yield rf"\node[adjoint] at {under} {{${node.adjoint}$}};"

    def _edge_lines(self) -> Iterator[str]:
        column = {spot: number for number, spots in enumerate(self.columns) for spot in spots}
        for edge, chain in self.chains.items():
            way = list(self._way(edge, chain, column))
            yield path("forward", "out=0, in=180", way, -_APART if edge.back else 0)
            if edge.back:
                yield path("gradient", "out=180, in=0", way[::-1], _APART)

    def _way(self, edge: Edge, chain: Sequence[Spot], column: Mapping[Spot, int]) -> Iterator[tuple[float, float]]:
        """The points of an edge: level through every column it passes, curved between columns."""
        source, target = chain[0], chain[-1]
        yield self._side(source, column[source], 1), self.ports[edge, False]
        for spot in chain[1:-1]:
            for x in self.x[column[spot]]:
                yield x, self.y[spot]
        yield self._side(target, column[target], -1), self.ports[edge, True]

    def _side(self, spot: Spot, number: int, sign: int) -> float:
        left, right = self.x[number]
        return (left + right + sign * self._wide(spot[0])) / 2


def point(x: float, y: float) -> str:
    """A TikZ coordinate; heights count downwards."""
    return f"({x:.2f},{0.0 - y:.3f})"


def path(style: str, bend: str, way: Sequence[tuple[float, float]], lower: float) -> str:
    """One arrow through all its points, `lower` further down."""
    points = f" to[{bend}] ".join(point(x, y + lower) for x, y in way)
    return rf"\draw[{style}] {points};"


# --- the article -------------------------------------------------------------------------------------------------

_PREAMBLE: Final = r"""\documentclass[11pt,a4paper]{article}
\usepackage{iftex}
\ifpdftex
  \usepackage[T1]{fontenc}
\fi
\usepackage{lmodern}
\usepackage{microtype}
\usepackage[margin=2.5cm]{geometry}
\usepackage{amsmath}
\usepackage{array}
\usepackage{booktabs}
\usepackage{tikz}
\usetikzlibrary{arrows.meta}
\usepackage[hidelinks]{hyperref}

\definecolor{good}{RGB}{20,110,60}
\definecolor{bad}{RGB}{175,25,35}
\definecolor{open}{RGB}{150,95,0}
\definecolor{flow}{RGB}{30,85,160}
\colorlet{calm}{black!60}
\tikzset{
  input/.style={draw, rounded corners=2pt, fill=black!4},
  intermediate/.style={draw, rounded corners=2pt},
  output/.style={draw, rounded corners=2pt, thick},
  loss/.style={draw, circle, inner sep=1pt},
  adjoint/.style={font=\scriptsize, text=flow, inner sep=0pt},
  forward/.style={-{Stealth[length=4pt]}, line width=.5pt},
  gradient/.style={-{Stealth[length=4pt]}, line width=.5pt, dashed, flow},
}

% A verdict stands at the right margin, on the line of the rule or, without room there, on the next.
\newcommand*\verdict[2]{\textcolor{#1}{\textsf{\small #2}}}
\newcommand*\atright[1]{\unskip\nobreak\hfill\penalty50\hskip1em\hbox{}\nobreak\hfill\mbox{#1}}
\newcommand*\step[3]{\par\addvspace{\medskipamount}\noindent\textbf{#1.}\enspace #2\atright{#3}}
\newcommand*\aside[1]{\noindent\textcolor{calm}{\small #1}}
\newsavebox\formbox
\newenvironment{boxed form}
  {\par\addvspace{\medskipamount}\begin{lrbox}{\formbox}%
   \begin{minipage}{\dimexpr\linewidth-2\fboxsep-2\fboxrule}%
   \abovedisplayskip=1pt\abovedisplayshortskip=1pt\belowdisplayskip=3pt\belowdisplayshortskip=3pt}
  {\end{minipage}\end{lrbox}\noindent\fbox{\usebox{\formbox}}\par\nobreak\vskip\medskipamount}
\AtBeginDocument{%
  \abovedisplayskip=7pt plus 2pt minus 3pt
  \belowdisplayskip=7pt plus 2pt minus 3pt
  \abovedisplayshortskip=3pt plus 2pt
  \belowdisplayshortskip=5pt plus 2pt minus 2pt}
\allowdisplaybreaks
\emergencystretch=2em
"""
_COLOURS: Final = MappingProxyType({
    "proved": "good", "passed": "good", "refuted": "bad", "failed": "bad", "undecided": "open",
})  # fmt: skip
_WIDE_COLUMNS: Final = MappingProxyType({"Route": "7.8cm", "Scope": "4.6cm", "Oracle": "3.1cm", "Worst case": "3.0cm"})
_RIGHT_COLUMNS: Final = frozenset(("Cases", "Time"))
_NUMBERED: Final = 36.0  # em of formula beside an equation number
_PLAIN: Final = 39.0
_INLINE: Final = 22.0
_LEGEND: Final = (
    "Solid arrows: the forward pass. Dashed arrows: gradients flow back from the loss L; under each node stands its "
    "adjoint."
)


def latex(report: Report) -> str:
    """The report as the source of a complete article, ending in a newline."""
    return _Article(report).source()


class _Article:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.prose = Prose(report.graph)
        self.voice = Voice(
            math=lambda formula: f"${in_line(ascii_math(formula.latex))}$",
            prose=self.prose,
            strong=lambda text: rf"\emph{{{text}}}",
            verdict=verdict,
            number=number,
        )

    def source(self) -> str:
        blocks = [*self._front(), *self._forward(), *self._graph(), *self._steps(), *self._closed_forms()]
        blocks += [*self._proofs(), *self._numeric(), *self._conditions(), *self._versions(), r"\end{document}"]
        return "\n".join([_PREAMBLE, *blocks]) + "\n"

    def _front(self) -> Iterator[str]:
        title = self.prose(self.report.title)
        at = "" if self.report.m is None else self.prose(f", spelled out at m = {self.report.m}")
        yield r"\begin{document}"
        yield environment(
            "center", rf"{{\LARGE {title}\par}}\medskip{{\large The backward pass for every batch size{at}\par}}"
        )
        yield environment("abstract", r"\noindent " + abstract(self.report, self.voice))

    def _heading(self, part: str) -> str:
        title, opening = SECTIONS.get(part, (sentence_case(part), ""))
        # No page ends between the opening and the first line of its section.
        return f"\n\\section{{{self._title(title)}}}\n{self.prose(opening)}\\par\\nobreak"

    def _title(self, text: str) -> str:
        return rf"\texorpdfstring{{{self.prose(text)}}}{{{re.sub(r'[^A-Za-z0-9 ,.-]', '', text)}}}"

    def _forward(self) -> Iterator[str]:
        yield self._heading("forward pass").removesuffix(r"\par\nobreak")
        yield numbered_from(self.report.forward, "F")
        short = all(width(line.formula.latex) <= _NUMBERED for line in self.report.forward)
        if short:
            yield aligned([line.formula for line in self.report.forward], "align")
        else:
            yield from (equation(line.formula) for line in self.report.forward)
        spelled = [line.spelled_out for line in self.report.forward if line.spelled_out is not None]
        if spelled:
            yield rf"\aside{{{self.prose(spelled_note(self.report))}}}"
            yield from (equation(one, star=True) for one in spelled)
        yield self.prose(LOSS_NOTE)
        yield equation(self.report.upstream, star=True)

    def _graph(self) -> Iterator[str]:
        yield "\n\\section{Computation graph}"
        yield environment("center", Drawing(self.report).tikz())
        yield rf"\aside{{{self.prose(_LEGEND)}}}"

    def _steps(self) -> Iterator[str]:
        for part, lines in groupby(self.report.steps, key=lambda line: line.part):
            group = list(lines)
            yield self._heading(part)
            yield numbered_from(group, "")
            for line in group:
                yield from self._step(line)

    def _step(self, line: Line) -> Iterator[str]:
        text, wide = remark(line, self.voice, _INLINE)
        yield rf"\step{{{line.number}}}{{{text}}}{{{reached(line.judged, self.voice)}}}"
        yield equation(line.formula)
        yield from self._used(wide)
        if line.spelled_out is not None:
            yield rf"\aside{{{self.prose(spelled_note(self.report))}}}"
            yield equation(line.spelled_out, star=True)
        yield from self._why(line.judged)

    def _used(self, wide: Iterable[Formula]) -> Iterator[str]:
        for one in wide:
            yield r"\aside{This uses}"
            yield equation(one, star=True)

    def _why(self, judged: Judged) -> Iterator[str]:
        if judged.counterexample is not None:
            yield rf"\noindent\textcolor{{bad}}{{{counterexample(judged.counterexample, self.voice)}}}\par"
        if judged.reason:
            yield rf"\noindent\textcolor{{open}}{{{self.prose(judged.reason)}}}\par"

    def _closed_forms(self) -> Iterator[str]:
        yield "\n\\section{Closed forms}"
        yield f"{self.prose('Source of the stated forms: ' + self.report.source)}\n" if self.report.source else ""
        for form in self.report.closed_forms:
            yield from self._closed_form(form)

    def _closed_form(self, form: ClosedFormLine) -> Iterator[str]:
        found, stated = (f"{form.name.latex} = {right.latex}" for right in (form.found, form.stated))
        same = form.found.latex == form.stated.latex
        short, wide = by_width(form.because, _INLINE)
        used = f" It uses {listed([self.voice.math(one) for one in short])}." if short else ""
        yield environment("boxed form", display(found, "equation*", _PLAIN - 1))
        equal = "The stated form is the same." if same else "The stated form is"
        yield rf"\noindent {operations(form)}{used} {equal}\atright{{{reached(form.judged, self.voice)}}}"
        yield r"\par\smallskip" if same else display(stated, "equation*", _PLAIN)
        yield from self._used(wide)
        if form.spelled_out is not None:
            yield rf"\aside{{{self.prose(spelled_note(self.report))}}}"
            yield equation(form.spelled_out, star=True)
        yield from self._why(form.judged)
        yield r"\bigskip"

    def _proofs(self) -> Iterator[str]:
        yield "\n\\section{Proofs}"
        yield tabular(proof_table(self.report, self.voice))
        failing = [rf"  \item {one}" for one in failures(self.report, self.voice)]
        if failing:
            yield environment("itemize", "\n".join(failing))

    def _numeric(self) -> Iterator[str]:
        if not self.report.numeric:
            return
        yield "\n\\section{Numerical checks}"
        yield self.prose(measures(self.report))
        yield tabular(numeric_table(self.report, self.voice))

    def _conditions(self) -> Iterator[str]:
        yield "\n\\section{Conditions and verdicts}"
        divisors = [self.voice.math(one) for one in conditions(self.report)]
        if divisors:
            yield f"The proofs hold wherever no denominator is 0: {listed(divisors)} must not be 0.\n"
        yield meanings(self.voice)

    def _versions(self) -> Iterator[str]:
        if self.report.versions:
            made = ", ".join(f"{name} {version}" for name, version in self.report.versions)
            yield f"\n\\bigskip\\aside{{{self.prose(f'Made with {made}.')}}}"


def in_line(latex: str) -> str:
    """A lone derivative with a slash, because a fraction in a sentence is too small to read."""
    return re.sub(
        r"\A\\frac\{(\\partial (?:[^{}]|\{[^{}]*\})+)\}\{(\\partial (?:[^{}]|\{[^{}]*\})+)\}\Z", r"\1/\2", latex
    )


def verdict(word: str) -> str:
    """A verdict in its colour."""
    return rf"\verdict{{{_COLOURS.get(word, 'calm')}}}{{{word}}}"


def number(value: float) -> str:
    """A measured number with two digits."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$" if value else "0"


def environment(name: str, body: str) -> str:
    """The body between begin and end."""
    return f"\\begin{{{name}}}\n{body}\n\\end{{{name}}}"


def numbered_from(lines: Sequence[Line], prefix: str) -> str:
    """Makes the next equation carry the number of the first line."""
    shown = rf"\renewcommand*\theequation{{{prefix}\arabic{{equation}}}}"
    return f"{shown}\\setcounter{{equation}}{{{lines[0].number - 1}}}%"


def equation(formula: Formula, *, star: bool = False) -> str:
    """One display equation, broken where it is wide."""
    return display(formula.latex, "equation*" if star else "equation", _PLAIN if star else _NUMBERED)


def display(formula: str, name: str, room: float) -> str:
    """One formula in an environment for displays; a split where it needs more than one line."""
    lines = rows(ascii_math(formula), room)
    body = f"  {lines[0]}" if len(lines) == 1 else split(lines)
    return environment(name, body)


def split(lines: Sequence[str]) -> str:
    """The lines of one equation, aligned."""
    return environment("split", " \\\\\n".join(f"    {line}" for line in lines))


def aligned(formulas: Iterable[Formula], name: str) -> str:
    """Several short equations under each other."""
    sides = (terms(ascii_math(one.latex)) for one in formulas)
    return environment(name, " \\\\\n".join(f"  {left} &{' '.join(right)}" for left, *right in sides))


def tabular(table: Table) -> str:
    """A table in booktabs style; columns of text are paragraphs."""
    kinds = "".join(column_kind(title) for title in table.head)
    lines = [
        r"\small\setlength\tabcolsep{4.5pt}",
        rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
        r"\toprule",
        rf"{' & '.join(table.head)} \\",
        r"\midrule",
        *(rf"{' & '.join(row)} \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return environment("center", "\n".join(lines))


def column_kind(title: str) -> str:
    """How LaTeX sets the column of that title."""
    wide = _WIDE_COLUMNS.get(title)
    return rf">{{\raggedright\arraybackslash}}p{{{wide}}}" if wide else "r" if title in _RIGHT_COLUMNS else "l"
