r"""The report as a LaTeX article, with the computation graph drawn in TikZ.

Promises: the source is pure ASCII whatever the names are, needs only amsmath, TikZ and the usual small packages, and
compiles with pdflatex, lualatex and tectonic without an overfull line wherever a formula has a place to break at. Every
formula of the report is a display equation of its own, `left = right` or `left &= right` in a split; numbers are the
report's numbers, verdicts and rules stand in the text. The same report gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from derive.write.breaking import rows, terms, width
from derive.write.drawing import Drawing
from derive.write.prose import Prose, ascii_math
from derive.write.wording import (
    ASSUMED,
    MEANINGS_NOTE,
    SECTIONS,
    Table,
    Voice,
    abstract,
    by_width,
    cited,
    conditions,
    counterexample,
    failures,
    listed,
    loss_note,
    meanings,
    measures,
    needed,
    numeric_table,
    operations,
    proof_table,
    reached,
    remark,
    sentence_case,
    spelled_note,
    stated_said,
)

if TYPE_CHECKING:
    from derive.report import ClosedFormLine, Formula, Judged, Line, Report

__all__ = [
    "aligned",
    "column_kind",
    "display",
    "environment",
    "equation",
    "in_line",
    "latex",
    "number",
    "numbered_from",
    "split",
    "tabular",
    "verdict",
]

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
    "Solid arrows: the forward pass. Dashed arrows: gradients flow back from the loss {loss}; under each node stands "
    "its adjoint."
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
            reference=lambda label: rf"\ref{{identity:{label}}}",
        )

    def source(self) -> str:
        blocks = [*self._front(), *self._forward(), *self._graph(), *self._steps(self.report.steps)]
        blocks += [*self._closed_forms(), *self._identities(), *self._steps(self.report.forward_mode)]
        blocks += [*self._proofs(), *self._numeric(), *self._conditions(), *self._versions(), r"\end{document}"]
        return "\n".join([_PREAMBLE, *blocks]) + "\n"

    def _front(self) -> Iterator[str]:
        title = self.prose(self.report.title)
        at = "" if self.report.m is None else self.prose(f", spelled out at {self.report.at}")
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
        if self.report.assumptions:
            yield self.prose(ASSUMED)
            yield from (equation(one, star=True) for one in self.report.assumptions)
        spelled = [line.spelled_out for line in self.report.forward if line.spelled_out is not None]
        if spelled:
            yield rf"\aside{{{self.prose(spelled_note(self.report))}}}"
            yield from (equation(one, star=True) for one in spelled)
        if self.report.meanings:
            yield self.prose(MEANINGS_NOTE)
            yield aligned(self.report.meanings, "align*")
        yield self.prose(loss_note(self.report))
        yield equation(self.report.upstream, star=True)

    def _graph(self) -> Iterator[str]:
        yield "\n\\section{Computation graph}"
        yield environment("center", Drawing(self.report).tikz())
        yield rf"\aside{{{self.prose(_LEGEND.format(loss=self.report.loss.text))}}}"

    def _steps(self, steps: tuple[Line, ...]) -> Iterator[str]:
        for part, lines in groupby(steps, key=lambda line: line.part):
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
        stated = None if form.stated is None or form.stated.latex == form.found.latex else form.stated
        short, wide = by_width(form.because, _INLINE)
        used = f" It uses {listed([cited(one, self.voice) for one in short])}." if short else ""
        yield environment("boxed form", display(f"{form.name.latex} = {form.found.latex}", "equation*", _PLAIN - 1))
        equal = stated_said(form, "The stated form is the same.", "The stated form is")
        yield rf"\noindent {operations(form)}{used} {equal}\atright{{{reached(form.judged, self.voice)}}}"
        other = "" if stated is None else display(f"{form.name.latex} = {stated.latex}", "equation*", _PLAIN)
        yield other or r"\par\smallskip"
        yield from self._used(wide)
        if form.spelled_out is not None:
            yield rf"\aside{{{self.prose(spelled_note(self.report))}}}"
            yield equation(form.spelled_out, star=True)
        yield from self._why(form.judged)
        yield r"\bigskip"

    def _identities(self) -> Iterator[str]:
        if not self.report.identities:
            return
        yield self._heading("identities")
        for one in self.report.identities:
            by = needed(one, self.voice.math)
            tag = rf"\tag{{{one.label}}}\label{{identity:{one.label}}}"
            yield rf"\noindent {self.prose(one.title)}: {reached(one.judged, self.voice)}{by and f', by {by}'}."
            yield display(one.proof.latex, "equation*", _NUMBERED, tag)
            yield from self._why(one.judged)

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


def display(formula: str, name: str, room: float, tag: str = "") -> str:
    """One formula in an environment for displays; a split where it needs more than one line. `tag` ends it."""
    lines = rows(ascii_math(formula), room)
    body = f"  {lines[0]}" if len(lines) == 1 else split(lines)
    return environment(name, f"{body} {tag}".rstrip())


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
