"""Pieces of blocks → statements: what goes on with what, across rows and across blocks.

Promises: a piece that goes on with the one before it is added to its last side; where it is not clear whether it does,
both are marked as a problem. Text that limits an equation (`if i = j`) is a problem too: the equation does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from derive.read.commands import PROSE
from derive.read.layout import (
    Fragment,
    Piece,
    Statement,
    begins_with_operator,
    is_condition,
    is_ellipsis,
    is_number_of_equation,
    membership,
    pieces_of,
    split_relations,
    unboxed,
    unlabelled,
)
from derive.read.tokens import Token

__all__ = ["Assembler"]

_CONDITION: Final = "this holds only under a condition; an equation that always holds was expected"
_ROW: Final = "the next row goes on without an operator; put one in front of it, or a relation"
_BEHIND: Final = "what stands behind this equation is no part of it and no remark; put it on a line of its own"
_MINUS: Final = "this row begins with − and has a relation: put & in front of the relation, or in front of the −"
_OPERATOR: Final = "it is not clear what this goes on with; put it right behind that, or write both as one"
_LIST: Final = "a list stands before the relation; one name was expected"
_NOTHING: Final = "nothing stands before this relation, here or in the block before it"


@dataclass(slots=True)
class Assembler:
    """Takes blocks in document order."""

    statements: list[Statement] = field(default_factory=list)
    ranges: list[Fragment] = field(default_factory=list)  # the index of `i = 1, …, m`
    lone_ranges: list[Fragment] = field(default_factory=list)  # those that are all of their block
    _display: Statement | None = None  # the last displayed statement
    _chain: Statement | None = None  # the last one that was displayed or has a relation
    _first: int = 0  # the first statement of this block
    _row: int = 0  # the first statement of this row
    _last: Piece | None = None  # the piece before, in this block
    _conditional: bool = False  # whether a condition was stated earlier in this row

    def block(self, number: int, tokens: Sequence[Token], *, display: bool, adjacent: bool) -> None:
        """`adjacent`: nothing but white space stands between this block and the one before it."""
        self._first = self._row = len(self.statements)
        self._last, self._conditional = None, False
        pieces = pieces_of(tokens)
        if pieces:
            pieces[0].tokens = unlabelled(pieces[0].tokens)
        place = 0
        while place < len(pieces):
            piece = pieces[place]
            if piece.before == "row":
                self._row, self._conditional = len(self.statements), False
            place += self._range(pieces, place) or self._piece(piece, number, display=display, adjacent=adjacent)
            self._last = piece

    def _range(self, pieces: list[Piece], place: int) -> int:
        """How many pieces `i = 1, …, m` takes, none if it is not there."""
        sides, relations = split_relations(pieces[place].tokens)
        starts = len(relations) == 1 and 0 < len(sides[0]) < 4 and relations[0].text == "="
        if not starts or not _is_number(sides[1]):
            return 0
        end = place + 1
        while end < len(pieces) and pieces[end].before == "comma" and end < place + 5:
            end += 1
            if not is_ellipsis(pieces[end - 1].tokens):
                if not _is_number(pieces[end - 1].tokens):
                    break
            else:
                self.ranges.append(sides[0])
                end += end < len(pieces) and pieces[end].before == "comma"
                if place == 0 and end == len(pieces):
                    self.lone_ranges.append([token for piece in pieces for token in piece.tokens])
                return end - place
        return 0

    def _piece(self, piece: Piece, number: int, *, display: bool, adjacent: bool) -> int:
        tokens = unboxed(piece.tokens)
        if (
            is_condition(piece.prose)
            or (piece.before == "prose" and self._is_case(piece, tokens))
            or self._is_bracketed_condition(piece, tokens)
        ):
            self._condition(piece)
        elif tokens and not is_number_of_equation(tokens):
            self._statement(piece, tokens, Statement(number, display), adjacent=adjacent)
        return 1

    def _is_case(self, piece: Piece, tokens: Fragment) -> bool:
        """`for i = j` behind an equation."""
        return piece.prose.lower().split()[-1:] == ["for"] and bool(split_relations(tokens)[1]) and self._in_row()

    def _is_bracketed_condition(self, piece: Piece, tokens: Fragment) -> bool:
        """`(i = j)` behind an equation; the range of an index there is only a remark."""
        if tokens is piece.tokens or not self._in_row():
            return False
        return not any(token.text == "…" for token in tokens)

    def _in_row(self) -> bool:
        return len(self.statements) > self._row

    def _condition(self, piece: Piece) -> None:
        offset = piece.tokens[0].start if piece.tokens else None
        if self._in_row():
            statement = self.statements[-1]
            statement.problems.setdefault(-1, (offset or _start(statement), _CONDITION))
        else:
            self._conditional = True

    def _statement(self, piece: Piece, tokens: Fragment, new: Statement, *, adjacent: bool) -> None:
        shape = membership(tokens)
        remark = tokens[shape:] if shape is not None else []
        sides, relations = split_relations(tokens[:shape])
        if (
            any(token.text == "…" for token in sides[-1])
            and len(sides) == 2
            and len(sides[0]) < 4
            and _is_list(sides[-1])
        ):
            self.ranges.append(sides[0])
            return
        if not (tokens[:shape] or relations):
            pass
        elif self._goes_on(piece, sides, relations, adjacent=adjacent):
            self._continue(sides, relations, new)
        else:
            self._begin(piece, sides, relations, new)
        if remark and self.statements:
            self._remark(remark)

    def _remark(self, tokens: Fragment) -> None:
        if self.statements:
            self.statements[-1].remark += "".join(token.text for token in tokens)

    def _goes_on(self, piece: Piece, sides: list[Fragment], relations: list[Token], *, adjacent: bool) -> bool:
        """Whether a piece belongs to the statement before it."""
        if relations and not sides[0]:
            return True
        in_block = len(self.statements) > self._first
        if in_block and self._last and self._last.open_end and piece.before == "row":
            return True
        if not begins_with_operator(piece) or not self.statements:
            return False
        minus = piece.tokens[0].text == "-"
        if not in_block:
            return adjacent and not (minus and relations)
        return not (minus and relations) or (piece.aligned and piece.before == "row")

    def _continue(self, sides: list[Fragment], relations: list[Token], new: Statement) -> None:
        if not self.statements:
            new.sides = [[side] for side in sides]
            new.relations = relations
            new.problems[0] = (relations[0].start, _NOTHING)
            self.statements.append(new)
            return
        statement = self._open_chain(new)
        if sides[0]:
            statement.sides[-1].append(sides[0])
        statement.sides += [[side] for side in sides[1:]]
        statement.relations += relations
        self._note(statement, display=new.display)

    def _note(self, statement: Statement, *, display: bool) -> None:
        """What a later block may go on with."""
        if display:
            self._display = statement
        if display or statement.relations:
            self._chain = statement

    def _open_chain(self, new: Statement) -> Statement:
        """What a piece goes on with: the statement before it.

        A new block goes on with the last displayed statement if it is displayed itself, else with the last that was
        displayed or has a relation: letters that are named in between are prose.
        """
        if len(self.statements) > self._first:
            return self.statements[-1]
        return (self._display if new.display else self._chain) or self.statements[-1]

    def _begin(self, piece: Piece, sides: list[Fragment], relations: list[Token], new: Statement) -> None:
        new.sides = [[side] for side in sides]
        new.relations = relations
        if self._conditional:
            new.problems[-1] = (_start(new), _CONDITION)
        if begins_with_operator(piece) and piece.tokens[0].text != "-":
            self._goes_on_with_what(new)
        before = self.statements[-1] if len(self.statements) > self._first else None
        if before is not None:
            self._beside(piece, before, new)
        self.statements.append(new)
        self._note(new, display=new.display)

    def _goes_on_with_what(self, new: Statement) -> None:
        """A block that begins with + goes on with an earlier one, which is incomplete without it."""
        problem = (_start(new), _OPERATOR)
        new.problems[0] = problem
        if self._display is not None:
            self._display.problems[len(self._display.sides) - 1] = problem

    def _beside(self, piece: Piece, before: Statement, new: Statement) -> None:
        """What a second statement of a block does to the one before it."""
        last = len(before.sides) - 1
        start = _start(new)
        if piece.before == "row" and begins_with_operator(piece) and new.relations:
            before.problems[last] = new.problems[0] = (start, _MINUS)
        elif not new.relations and before.relations and not is_ellipsis(new.sides[0][0]):
            if piece.before == "row":
                before.problems[last] = new.problems[0] = (start, _ROW)
            elif piece.before in {"comma", "wide"} or not _is_prose(piece.prose):
                before.problems[last] = new.problems[0] = (start, _BEHIND)
        elif new.relations and not before.relations and piece.before == "comma" and len(self.statements) > self._row:
            new.problems[0] = (start, _LIST)


def _is_number(tokens: Fragment) -> bool:
    return bool(tokens) and all(token.kind == "digit" for token in tokens)


def _is_list(side: Fragment) -> bool:
    return side[0].kind == "digit" and any(token[:2] == ("mark", ",") for token in side)


def _is_prose(words: str) -> bool:
    return all(word.strip(".,:;()").lower() in PROSE for word in words.split())


def _start(statement: Statement) -> int:
    first = next((fragment[0] for side in statement.sides for fragment in side if fragment), None)
    return first.start if first else statement.relations[0].start
