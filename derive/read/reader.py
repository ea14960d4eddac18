"""Files and texts → documents: the one place where all steps of reading meet.

text → blocks → repaired text → tokens → statements → evidence → decisions → equations. Everything is read twice, since
what a letter means is decided from the whole document (see `decisions`).

Promises: ends in bounded time and memory for any text; raises nothing but ReadError; nothing that is read is executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from derive.notation.syntax import Indicator, Name, Node, Power, Summation, walk
from derive.read.assemble import Assembler
from derive.read.blocks import Block, GivenText, Scan, scan
from derive.read.commands import ORDERS
from derive.read.damage import edits
from derive.read.decisions import Decisions, Evidence, decide
from derive.read.document import Document, Equation, Item, Notation, Repair, Unreadable
from derive.read.errors import FileError, FormulaError, LaidOut, Misread
from derive.read.files import KINDS, kind_of, load
from derive.read.grammar import Grammar
from derive.read.layout import Fragment, Statement, has_matrix, is_ellipsis
from derive.read.limits import BLOCK, MATHS, SHORTEST, TOKENS
from derive.read.macros import Macro, definitions, expanded
from derive.read.notebook import markdown_cells
from derive.read.reduce import reduced
from derive.read.source import Source, Spans, Trail
from derive.read.tokens import Token, tokens_of

__all__ = ["parse_equation", "parse_formula", "read_file", "read_text"]

Kind: TypeAlias = Literal["tex", "md", "ipynb", "txt"]
_FIRST_READING: Final = Decisions(first_reading=True)
_SPACE: Final = re.compile(r"\s+")
_COMMENT: Final = re.compile(r"(?<!\\)%[^\n]*")
_SHOWN: Final = 400  # characters of what can't be read that are kept


def read_file(path: str | Path, given: Iterable[str] = ()) -> Document:
    """The document at `path`, or standard input for `-`. `given`: equations that the user states."""
    text = load(path)
    return _read(text, kind_of(path, text), str(path), given)


def read_text(text: str, kind: Kind = "tex", name: str = "-", given: Iterable[str] = ()) -> Document:
    """The document in `text`."""
    if kind not in KINDS:
        raise FileError(f"There is no kind of document {kind}. The kinds are {', '.join(KINDS)}.")
    return _read(text, kind, name, given)


def parse_formula(latex: str, decisions: Decisions | None = None) -> Node:
    """One formula, without document or dollars needed. Without `decisions`, they are made from the formula itself."""
    source, tokens = _alone(latex)
    try:
        if decisions is None:
            evidence = Evidence()
            Grammar(tokens, _FIRST_READING, evidence).whole()
            decisions = decide(evidence)
        return Grammar(tokens, decisions, Evidence()).whole()
    except Misread as error:
        raise _formula_error(source, error.offset, error.message) from None


def parse_equation(latex: str, decisions: Decisions | None = None) -> Equation:
    """One equation, such as that of `--given`."""
    source, tokens = _alone(latex)
    reading = _Reading(source)
    reading.assembler.block(0, tokens, display=True, adjacent=False)
    found = reading.items(decisions or reading.decided())
    unread = next((item for item in found if isinstance(item, Unreadable)), None)
    if unread is not None:
        raise FormulaError(f"This is not understood: {unread.message}.", unread.place, unread.caret)
    equations = [item for item in found if isinstance(item, Equation)]
    if len(equations) != 1:
        raise _formula_error(source, 0, "one equation, with one =, was expected")
    return equations[0]


def _formula_error(source: Source, offset: int, message: str) -> FormulaError:
    return FormulaError(f"This is not understood: {message}.", source.place(offset), source.caret(offset))


def _alone(latex: str) -> tuple[Source, list[Token]]:
    """The tokens of a formula that stands alone; dollars around it are not part of it."""
    source = Source("-", latex, latex)
    start, end = 0, len(latex)
    while start < end and latex[start] in "$ \t\n":
        start += 1
    while end > start and latex[end - 1] in "$ \t\n.":
        end -= 1
    if end - start > BLOCK:
        raise _formula_error(source, start, f"a formula of at most {BLOCK} characters was expected")
    try:
        return source, reduced(tokens_of(latex, start, end))
    except Misread as error:
        raise _formula_error(source, error.offset, error.message) from None


# Text, blocks and repairs


@dataclass(slots=True)
class _Prepared:
    """A repaired text, and where its maths is."""

    source: Source
    blocks: list[Block] = field(default_factory=list)
    givens: list[GivenText] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)


def _prepared(raw: str, kind: str, name: str) -> _Prepared:
    if kind == "ipynb":
        cells = markdown_cells(raw, name)
        text, regions, trails = cells.text, cells.regions, [cells.trail]
    else:
        text, regions, trails = raw, ((0, len(raw)),), []
    found = Scan()
    for start, end in regions:
        one = scan(text, kind, start, end)
        found.blocks += one.blocks
        found.givens += one.givens
    return _repaired(text, raw, name, trails, found)


def _repaired(text: str, raw: str, name: str, trails: list[Trail], found: Scan) -> _Prepared:
    """The text with the damage in its maths undone, and everything else moved along."""
    before = Source(name, text, raw, trails)
    trail, out, length, at, shift = Trail(), list[str](), 0, 0, 0
    blocks, repairs = list[Block](), list[Repair]()
    shifts = list[tuple[int, int]]()
    for block in found.blocks:
        start_shift = shift
        for edit in edits(text[block.start : block.end]) if block.end - block.start <= BLOCK else ():
            start, end = block.start + edit.start, block.start + edit.end
            out += [text[at:start], edit.written]
            length += start - at
            trail.add(length, start, copied=False)
            length += len(edit.written)
            trail.add(length, end)
            shift += len(edit.written) - (end - start)
            shifts.append((end, shift))
            repairs.append(Repair(before.place(start), text[start:end], edit.written))
            at = end
        blocks.append(_moved(block, start_shift, shift))
    out.append(text[at:])
    if not repairs:
        return _Prepared(before, found.blocks, found.givens)
    givens = [_moved_given(given, shifts) for given in found.givens]
    return _Prepared(Source(name, "".join(out), raw, [trail, *trails]), blocks, givens, repairs)


def _moved(block: Block, start_shift: int, end_shift: int) -> Block:
    return block._replace(
        start=block.start + start_shift,
        outer_start=block.outer_start + start_shift,
        end=block.end + end_shift,
        outer_end=block.outer_end + end_shift,
    )


def _moved_given(given: GivenText, shifts: Sequence[tuple[int, int]]) -> GivenText:
    shift = next((shift for end, shift in reversed(shifts) if end <= given.start), 0)
    return GivenText(given.start + shift, given.end + shift)


# Statements and items


def _read(raw: str, kind: str, name: str, given: Iterable[str]) -> Document:
    prepared = _prepared(raw, kind, name)
    source = prepared.source
    macros = definitions(source.text)
    reading = _Reading(source)
    reading.blocks(prepared.blocks, macros)
    givens = [_Reading(source) for _ in prepared.givens]
    for one, place in zip(givens, prepared.givens, strict=True):
        one.blocks([Block(*_undollared(source.text, place), *place)], macros)
    givens += [_stated(text) for text in given]
    decisions = reading.decided(givens)
    stated = [item for one in givens for item in one.items(decisions) if not isinstance(item, Notation)]
    items = tuple(reading.items(decisions))
    return Document(name, items, tuple(stated), tuple(prepared.repairs), decisions, has_equations="=" in raw)


def _undollared(text: str, given: GivenText) -> GivenText:
    start, end = given
    while start < end and text[start] in "$ ":
        start += 1
    while end > start and text[end - 1] in "$ .;":
        end -= 1
    return GivenText(start, end)


def _stated(text: str) -> _Reading:
    source = Source("--given", text, text)
    reading = _Reading(source)
    span = _undollared(text, GivenText(0, len(text)))
    reading.blocks([Block(*span, *span)], {})
    return reading


@dataclass(slots=True)
class _Side:
    """A side as it was read."""

    tokens: list[Token]
    latex: str
    tree: Node | None = None
    error: Misread | None = None
    spans: list[tuple[Node, int, int]] = field(default_factory=list)


class _Reading:
    """The statements of one text, read twice."""

    __slots__ = ("assembler", "failed", "indices", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.assembler = Assembler()
        self.failed: list[tuple[int, int, str, str]] = []  # offset of the block, and of the error, latex, message
        self.indices: frozenset[str] = frozenset()  # as decided

    def blocks(self, blocks: Sequence[Block], macros: Mapping[str, Macro]) -> None:
        characters = tokens = 0
        last_end = 0
        for number, block in enumerate(blocks):
            characters += max(block.end - block.start, SHORTEST)
            if characters > MATHS or tokens > TOKENS:
                self.fail(block, block.start, "a file with less maths was expected; the rest of it is not read")
                return
            adjacent = block.display and not self.source.text[last_end : block.outer_start].strip()
            tokens += self.block(number, block, macros, adjacent=adjacent)
            last_end = block.outer_end

    def block(self, number: int, block: Block, macros: Mapping[str, Macro], *, adjacent: bool) -> int:
        """Takes one block; how many tokens it had."""
        if not block.closed:
            opener = self.source.text[block.outer_start : block.start]
            self.fail(block, block.outer_start, f"nothing closes this {opener}")
            return 0
        if block.end - block.start > BLOCK:
            self.fail(block, block.start, f"a block of at most {BLOCK} characters was expected")
            return 0
        try:
            tokens = reduced(expanded(tokens_of(self.source.text, block.start, block.end), macros))
            self.assembler.block(number, tokens, display=block.display, adjacent=adjacent and number > 0)
        except Misread as error:
            self.fail(block, error.offset, error.message)
            return 0
        return len(tokens)

    def fail(self, block: Block, offset: int, message: str) -> None:
        text = self.source.text[block.start : min(block.end, block.start + _SHOWN)]
        if block.display or "=" in text or "\\" in text:
            self.failed.append((block.start, offset, _clean(text), message))

    def decided(self, others: Iterable[_Reading] = ()) -> Decisions:
        evidence = Evidence()
        for reading in (self, *others):
            reading.gather(evidence)
        return decide(evidence)

    def gather(self, evidence: Evidence) -> None:
        """The first reading: what is said about letters, whether or not all of it can be read."""
        for index in self.assembler.ranges:
            evidence.bound.update(token.text for token in index if token.kind == "letter")
        for statement in self.assembler.statements:
            if statement.relations:
                _gather_words(_tokens(statement.sides[0]), evidence)
        for statement in self.assembler.statements:
            left: Node | None = None
            for place, side in enumerate(statement.sides):
                tree = _first_tree(_tokens(side), evidence)
                if place == 0 and statement.relations and tree is not None:
                    _gather_left(tree, evidence)
                    left = tree
                elif place == 1 and tree is not None and isinstance(left, Name):
                    _gather_widened(left, tree, evidence)

    def items(self, decisions: Decisions) -> list[Item]:
        found: list[tuple[int, Item]] = []
        self.indices = decisions.indices
        for chain, statement in enumerate(self.assembler.statements):
            found += self.statement(statement, chain, decisions)
        for tokens in self.assembler.lone_ranges:
            start = tokens[0].start
            found.append((start, Notation(self.source.place(start), self.latex([tokens]), "the range of an index")))
        for start, offset, latex, message in self.failed:
            found.append((start, Unreadable(self.source.place(offset), latex, message, self.source.caret(offset))))
        return [item for _, item in sorted(found, key=lambda each: each[0])]

    def statement(self, statement: Statement, chain: int, decisions: Decisions) -> list[tuple[int, Item]]:
        """The items of one statement, each with the offset that orders them."""
        sides = [self.side(statement, place, decisions) for place in range(len(statement.sides))]
        for place, (offset, message) in statement.problems.items():
            for side in sides if place < 0 else sides[place : place + 1]:
                side.error = side.error or Misread(offset, message)
        if not statement.relations:
            return self.lone(statement, sides[0])
        return [self.link(statement, sides, place, chain) for place in range(len(statement.relations))]

    def side(self, statement: Statement, place: int, decisions: Decisions) -> _Side:
        fragments = statement.sides[place]
        tokens = _tokens(fragments)
        side = _Side(tokens, self.latex(fragments))
        if not tokens:
            beside = statement.relations[max(place - 1, 0)]
            side.error = Misread(beside.start, f"a formula was expected on both sides of this {beside.text}")
            return side
        try:
            grammar = Grammar(tokens, decisions, Evidence())
            side.tree = grammar.whole()
            side.spans = grammar.spans
        except Misread as error:
            side.error = error
        return side

    def latex(self, fragments: list[Fragment]) -> str:
        """The source of a side, as it was written, in one line."""
        written = [self.source.text[part[0].start : part[-1].end] for part in fragments if part]
        return " ".join(_clean(text if "\\begin" in text else text.replace("&", " ")) for text in written)

    def lone(self, statement: Statement, side: _Side) -> list[tuple[int, Item]]:
        """An expression without a relation: of no interest in running text, or if it is only a name."""
        start = side.tokens[0].start
        if not statement.display:
            return []
        place = self.source.place(start)
        if statement.remark:
            return [(start, Notation(place, f"{side.latex} {statement.remark}", "a shape or a set"))]
        if not side.error and isinstance(side.tree, Name | Power):
            return []
        why = _why_no_equation(side)
        if not why and side.error is not None:
            return [(start, self.unreadable(side.error, side.latex))]
        return [(start, Notation(place, side.latex, why or "an expression without a relation"))]

    def unreadable(self, error: Misread, latex: str) -> Unreadable:
        return Unreadable(
            self.source.place(error.offset), latex[:_SHOWN], error.message, self.source.caret(error.offset)
        )

    def link(self, statement: Statement, sides: list[_Side], place: int, chain: int) -> tuple[int, Item]:
        relation, left, right = statement.relations[place], sides[place], sides[place + 1]
        start = left.tokens[0].start if place == 0 and left.tokens else relation.start
        latex = f"{left.latex} {_written(relation)} {right.latex}"
        failed = next((side for side in (left, right) if side.error and not isinstance(side.error, LaidOut)), None)
        laid_out = next((side for side in (left, right) if isinstance(side.error, LaidOut)), None)
        if laid_out is not None or has_matrix([*left.tokens, *right.tokens]):
            why = laid_out.error.message if laid_out and laid_out.error else "a matrix of entries"
            return start, Notation(self.source.place(start), latex, why)
        if failed is not None and failed.error is not None:
            found = self.unreadable(failed.error, latex)
            name, other = (left, right) if isinstance(left.tree, Name) else (right, left)
            if isinstance(name.tree, Name):
                letters = frozenset(token.text for token in other.tokens if token.kind in {"letter", "word"})
                found = replace(found, defines=name.tree, letters=letters)
            return start, found
        if relation.text in ORDERS:
            return start, Notation(self.source.place(start), latex, f"{relation.text} states no equality")
        if _is_index(left.tree, self.indices) and not getattr(right.tree, "parts", ()):
            return start, Notation(self.source.place(start), latex, "the value of an index")
        return start, self.equation(statement, (left, right), place, chain)

    def equation(self, statement: Statement, sides: tuple[_Side, _Side], place: int, chain: int) -> Item:
        relation, (left, right) = statement.relations[place], sides
        assert left.tree is not None  # noqa: S101 - a side has a tree or an error
        assert right.tree is not None  # noqa: S101
        return Equation(
            left=left.tree,
            right=right.tree,
            relation=relation.text,
            place=self.source.place(left.tokens[0].start if place == 0 else relation.start),
            latex=f"{left.latex} {_written(relation)} {right.latex}",
            left_latex=left.latex,
            right_latex=right.latex,
            chain=chain,
            position_in_chain=place,
            block=statement.block,
            left_span=self.source.span(left.tokens[0].start, left.tokens[-1].end),
            right_span=self.source.span(right.tokens[0].start, right.tokens[-1].end),
            remark=statement.remark,
            spans=Spans(self.source, [*left.spans, *right.spans]),
        )


def _is_index(tree: Node | None, indices: frozenset[str]) -> bool:
    return isinstance(tree, Name) and tree == Name(tree.base) and tree.base in indices


def _why_no_equation(side: _Side) -> str:
    if isinstance(side.error, LaidOut) or has_matrix(side.tokens):
        return "a matrix or a list of entries"
    return "an ellipsis" if is_ellipsis(side.tokens) else ""


def _written(relation: Token) -> str:
    return {"≡": "\\equiv"}.get(relation.text, relation.text)


def _clean(text: str) -> str:
    return _SPACE.sub(" ", _COMMENT.sub(" ", text)).strip()


def _tokens(fragments: Iterable[Fragment]) -> list[Token]:
    return [token for fragment in fragments for token in fragment]


def _first_tree(tokens: list[Token], evidence: Evidence) -> Node | None:
    try:
        decisions = Decisions(first_reading=True, words=_FIRST_READING.words | evidence.words)
        return Grammar(tokens, decisions, evidence).whole()
    except Misread:
        return None


def _gather_left(tree: Node, evidence: Evidence) -> None:
    match tree:
        case Name(base, accent, superscript):
            evidence.is_left((base, accent), squared=superscript.startswith("2"))
        case Indicator(mark="δ"):
            evidence.is_left(("δ", ""), squared=False)
        case Power(Name(base, accent, ""), exponent) if exponent.parts == () and getattr(exponent, "digits", "") == "2":
            evidence.is_left((base, accent), squared=True)
        case _:
            pass


def _gather_widened(left: Name, right: Node, evidence: Evidence) -> None:
    """The subscript of a left side if a name on the right has a part of it, and no index of a Σ in it."""
    run = tuple(index.base for index in left.indices if isinstance(index, Name))
    if len(run) < 2 or run not in evidence.subscripts.get((left.base, left.accent), ()):
        return
    nodes = tuple(walk(right))
    bound = {node.index.base for node in nodes if isinstance(node, Summation) and node.index is not None}
    parts = (
        {index.base for index in node.indices if isinstance(index, Name)} for node in nodes if isinstance(node, Name)
    )
    if any(part and part < set(run) - bound for part in parts):
        evidence.widened.add(run)


def _gather_words(tokens: list[Token], evidence: Evidence) -> None:
    """A left side that is three or more letters, touching, with or without scripts behind them."""
    length = 0
    while length < len(tokens) and tokens[length].kind == "letter" and tokens[length].text.isascii():
        if length and tokens[length].start > tokens[length - 1].end:
            return
        length += 1
    behind = tokens[length : length + 1]
    if length > 2 and (not behind or behind[0].text in {"_", "^"}):
        evidence.words.add("".join(token.text for token in tokens[:length]))
