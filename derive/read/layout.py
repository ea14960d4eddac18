r"""A block's tokens → pieces of statements: rows, alignment marks, separators and remarks, before any formula.

Promises: a token is in a side of a relation, or is recognized as one of: a separator, a label of an item, the number of
an equation, a shape (`\in …`), a range of an index, prose. A statement next to text that is none of these is marked as
a problem, so that no equation is read past text that was skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from derive.read.commands import ARROWS, CONDITIONS, MATRICES, MULTIPLY, ORDERS, RELATIONS, ROWS
from derive.read.pairing import paired
from derive.read.tokens import Token

__all__ = ["Fragment", "Piece", "Statement", "pieces_of", "split_relations", "unboxed", "unlabelled"]

Fragment = list[Token]
_OPERATORS: Final = frozenset("+-/") | MULTIPLY
_LABELS: Final = frozenset("abcdefghi")


@dataclass(slots=True)
class Piece:
    """What stands between two separators. `before` is the one before it: start, row, comma, wide, prose or arrow."""

    tokens: Fragment
    before: str
    prose: str = ""  # the words before it
    aligned: bool = False  # whether its first token stands behind an &
    open_end: bool = False  # whether it ends with an operator or a relation


@dataclass(slots=True)
class Statement:
    """Sides joined by relations. A side is made of fragments where rows or blocks cut it."""

    block: int
    display: bool
    sides: list[list[Fragment]] = field(default_factory=list)
    relations: list[Token] = field(default_factory=list)
    remark: str = ""
    problems: dict[int, tuple[int, str]] = field(default_factory=dict)  # side → where and what; -1: all sides


@dataclass(slots=True)
class _Splitter:
    """Cuts tokens at what separates statements, at the outermost level of brackets."""

    tokens: Sequence[Token]
    pairs: dict[int, int]
    entered: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    current: Fragment = field(default_factory=list)
    before: str = "start"
    prose: str = ""
    aligned: bool = False

    def cut(self, separator: str, prose: str = "") -> None:
        if self.current:
            self.pieces.append(Piece(self.current, self.before, self.prose, self.aligned))
            self.before, self.prose = separator, prose
        elif separator == "row" or self.before in {"start", "comma", "wide"}:
            self.before = separator if self.before != "row" or separator != "wide" else "row"
            self.prose = f"{self.prose} {prose}".strip()
        else:
            self.prose = f"{self.prose} {prose}".strip()
        self.current, self.aligned = [], False


def pieces_of(tokens: Sequence[Token]) -> list[Piece]:
    """The pieces of a block, in order, without those that are empty."""
    splitter = _Splitter(tokens, paired(tokens))
    place = 0
    while place < len(tokens):
        place = _step(splitter, place)
    splitter.cut("end")
    if splitter.prose and splitter.pieces and splitter.before == "prose":
        splitter.pieces.append(Piece([], "prose", splitter.prose))
    return [_without_punctuation(piece) for piece in splitter.pieces]


def _step(splitter: _Splitter, place: int) -> int:
    """Takes the token at `place`, and all of a bracket with it. The place to go on at."""
    token = splitter.tokens[place]
    match token.kind, token.text:
        case "begin", name if _has_rows(splitter, place, name):
            splitter.entered.append(name)
        case "end", _:
            if not splitter.entered:
                splitter.current.append(token)
            else:
                splitter.entered.pop()
        case "row", _:
            splitter.cut("row")
        case ("mark", "&") | ("wide", _):
            _loose(splitter, place)
        case "mark", "," | ";":
            splitter.cut("comma")
        case "mark", sign if sign in ARROWS:
            splitter.cut("arrow")
        case "prose", words:
            splitter.cut("prose", words)
        case _:
            return _take(splitter, place)
    return place + 1


def _take(splitter: _Splitter, place: int) -> int:
    token = splitter.tokens[place]
    if token[:2] == ("mark", "{") and place not in splitter.pairs:  # never closed: nobody knows what is inside
        splitter.current.extend(splitter.tokens[place:])
        return len(splitter.tokens)
    if token[:2] == ("mark", "\\{") and place not in splitter.pairs and _opens_rows(splitter.tokens, place + 1):
        return place + 1
    end = splitter.pairs.get(place, place) + 1
    inside = splitter.tokens[place:end]
    splitter.current.extend(inside if token.kind == "begin" else _in_one_row(inside))
    return end


def _in_one_row(tokens: Sequence[Token]) -> Iterator[Token]:
    """A bracket without the row breaks, alignment marks and wide spaces in it, save those of an environment."""
    depth = 0
    for token in tokens:
        depth += {"begin": 1, "end": -1}.get(token.kind, 0)
        if depth or not (token.kind == "row" or _is_loose(token)) or _is_substack(tokens):
            yield token


def _is_substack(tokens: Sequence[Token]) -> bool:
    """The rows of conditions under a Σ are kept."""
    return any(token.text == "\\substack" for token in tokens[:3])


def _opens_rows(tokens: Sequence[Token], place: int) -> bool:
    return place < len(tokens) and tokens[place].kind == "begin" and tokens[place].text in ROWS


def _has_rows(splitter: _Splitter, place: int, name: str) -> bool:
    """Whether an environment holds rows of statements; cases and array may be a value or a matrix instead.

    One that is never closed, as in a text that was cut off, has its rows all the same.
    """
    if name not in ROWS:
        return False
    if name not in {"cases", "array", "dcases", "rcases"}:
        return True
    inside = splitter.tokens[place + 1 : splitter.pairs.get(place)]
    has_relation = any(_is(token, RELATIONS) for token in inside)
    return has_relation and not any(_is(token, RELATIONS) for token in splitter.current)


def _is(token: Token, signs: frozenset[str]) -> bool:
    return token.kind == "mark" and token.text in signs


def _loose(splitter: _Splitter, place: int) -> None:
    """An & or a wide space: nothing at the start of a row or beside an operator, otherwise a separator."""
    tokens = splitter.tokens
    following = next((token for token in tokens[place + 1 : place + 8] if not _is_loose(token)), None)
    joins = _OPERATORS | RELATIONS | ORDERS
    if not splitter.current:
        splitter.aligned = splitter.aligned or tokens[place].kind == "mark"
    elif not (_is(splitter.current[-1], joins) or (following and _goes_on(tokens[place], following))):
        splitter.cut("wide")


def _goes_on(loose: Token, following: Token) -> bool:
    """Whether what follows an & or a wide space can't begin a statement. A − after a wide space can."""
    if loose.kind == "wide" and following.text == "-":
        return False
    return _is(following, _OPERATORS | RELATIONS | ORDERS | {"∈"})


def _is_loose(token: Token) -> bool:
    return token.kind == "wide" or token[:2] == ("mark", "&")


def _without_punctuation(piece: Piece) -> Piece:
    tokens = piece.tokens
    while tokens and (_is(tokens[-1], frozenset(".:")) or tokens[-1][:2] == ("mark", "∎")):
        tokens = tokens[:-1]
    piece.tokens = tokens
    piece.open_end = bool(tokens) and _is(tokens[-1], _OPERATORS | RELATIONS)
    return piece


def split_relations(tokens: Sequence[Token]) -> tuple[list[Fragment], list[Token]]:
    """The sides between the relations at the outermost level, and the relations."""
    pairs = paired(tokens)
    sides: list[Fragment] = [[]]
    relations: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token[:2] == ("mark", "{") and place not in pairs:
            sides[-1].extend(tokens[place:])
            break
        end = pairs.get(place, place) + 1
        if _is(token, RELATIONS | ORDERS):
            relations.append(token)
            sides.append([])
        else:
            sides[-1].extend(tokens[place:end])
        place = end
    return sides, relations


def unlabelled(tokens: Fragment) -> Fragment:
    """Without the label of an item: a) or (a) or (2) at the start, with a formula behind it."""
    texts = [token.text for token in tokens[:4]]
    if len(texts) > 2 and texts[1] == ")" and _is_label(tokens[0]):
        return tokens[2:]
    if len(texts) > 3 and texts[0] == "(" and texts[2] == ")" and _is_label(tokens[1]):
        joins = _OPERATORS | RELATIONS | ORDERS | {"^", "_"}
        return tokens if _is(tokens[3], joins) else tokens[3:]
    return tokens


def _is_label(token: Token) -> bool:
    return token.kind == "digit" or (token.kind == "letter" and token.text in _LABELS)


def unboxed(tokens: Fragment) -> Fragment:
    """Without a bracket around all of an equation: [A = B] is a box that was drawn around A = B."""
    for _ in range(3):
        pairs = paired(tokens)
        if not tokens or pairs.get(0) != len(tokens) - 1 or not split_relations(tokens[1:-1])[1]:
            break
        tokens = tokens[1:-1]
    return tokens


def is_number_of_equation(tokens: Fragment) -> bool:
    """(3), (2.1) or (A.1) behind an equation."""
    inside = tokens[1:-1]
    return (
        0 < len(inside) < 8
        and tokens[0].text == "("
        and tokens[-1].text == ")"
        and any(token.kind == "digit" for token in inside)
        and all(token.kind == "digit" or token.text in {".", "*"} for token in inside)
    )


def is_ellipsis(tokens: Fragment) -> bool:
    return bool(tokens) and all(_is(token, frozenset("…")) for token in tokens)


def is_condition(words: str) -> bool:
    """Whether prose says that an equation holds only sometimes."""
    return not CONDITIONS.isdisjoint(words.lower().replace(",", " ").split())


def membership(tokens: Fragment) -> int | None:
    """Where a shape or a set begins in a piece, if there is one: at ∈ or ∀ outside of brackets."""
    pairs = paired(tokens)
    place = 0
    while place < len(tokens):
        if _is(tokens[place], frozenset("∈∀")):
            return place
        place = pairs.get(place, place) + 1
    return None


def has_matrix(tokens: Sequence[Token]) -> bool:
    return any(token.kind == "begin" and token.text in MATRICES for token in tokens)


def begins_with_operator(piece: Piece) -> bool:
    """Whether a piece goes on with the one before it."""
    return bool(piece.tokens) and _is(piece.tokens[0], _OPERATORS)


def fragments(statement: Statement) -> Iterator[Fragment]:
    for side in statement.sides:
        yield from side
