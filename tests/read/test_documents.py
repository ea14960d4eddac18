"""Documents: blocks, rows, chains, remarks, macros, givens, and the decisions made from a document as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from derive.notation import text
from derive.read import Document, Equation, FileError, Notation, Unreadable, read_file, read_text


def shown(document: Document) -> list[str]:
    out = []
    for item in document.items:
        match item:
            case Equation():
                out.append(f"{text(item.left)} {item.relation} {text(item.right)}")
            case Unreadable():
                out.append("?")
            case Notation():
                out.append("–")
    return out


ROWS = [
    ("A = B = C", ["A = B", "B = C"]),
    (r"\mu := 1, \; \sigma \equiv 3 \tag{3} \label{e}", ["μ := 1", "σ ≡ 3"]),
    (r"a = b \stackrel{(1)}{=} c \overset{\text{def}}{=} d", ["a = b", "b = c", "c := d"]),
    (r"\begin{align} a &= b + c \\ &\quad + d \\ &= e. \end{align}", ["a = b + c + d", "b + c + d = e"]),
    (r"\begin{aligned} a &= b, & c &= d \\ e &= f \end{aligned}", ["a = b", "c = d", "e = f"]),
    (r"\begin{eqnarray} a &=& b \\ &=& c \end{eqnarray}", ["a = b", "b = c"]),
    (r"\begin{cases} a = b \\ c = d \end{cases}", ["a = b", "c = d"]),
    (r"\left\{ \begin{array}{l} a = b \\ c = d \end{array} \right.", ["a = b", "c = d"]),
    (r"a = \left( b \right. \\ \left. + c \right)", ["a = (b + c)"]),
    (r"a = b + \\ c", ["a = b + c"]),
    (r"a = b \qquad c = d", ["a = b", "c = d"]),
    (r"a = b \quad (3)", ["a = b"]),
    (r"A \Rightarrow B = C", ["B = C"]),
    (r"\text{Mean: } \mu = x", ["μ = x"]),
    (r"a = b \text{ and } c = d", ["a = b", "c = d"]),
    (r"y_i = x_i, \quad i = 1, \ldots, m", ["y_i = x_i"]),
    (r"y_i = x_i \quad (i = 1, \ldots, m)", ["y_i = x_i"]),
    (r"y_i = x_i \quad \forall i", ["y_i = x_i"]),
    (r"y = x \in [1 \times D]", ["y = x"]),
    (r"\boxed{a = b}", ["a = b"]),
    (r"\left[ a = b \right]", ["a = b"]),
    (r"(b) \mu = x", ["μ = x"]),
    (r"a) \mu = x", ["μ = x"]),
    (r"X = \begin{bmatrix} a & b \\ c & d \end{bmatrix}", ["–"]),
    (r"\mu = [\mu_1, \dots, \mu_D]", ["–"]),
    (r"x \in \mathbb{R}^n", ["–"]),
    (r"\vdots", ["–"]),
    (r"a < b", ["–"]),
    (r"a = b \approx c", ["a = b", "–"]),
    (r"f(y_1, \dots, y_m) = L", ["f(y₁, y_m) = L"]),
    (r"f(\dots, y_m) = L", ["–"]),
    (r"i = j", ["–"]),
    (r"i = 1, \dots, m", ["–"]),
    (r"i = 1, 2, \dots, m.", ["–"]),
    (r"x_i", []),
    (r"x + y", ["–"]),
    # what would be a misreading is not read
    (r"y_i = x_i \text{ if } i = j", ["?"]),
    (r"y_i = x_i \quad (i = j)", ["?"]),
    (r"y_i = x_i \text{ for } i = j", ["?"]),
    (r"\begin{align} a &= b \\ & (x + y) \\ &= e \end{align}", ["?", "?"]),
    (r"\begin{gather} a = b \\ -c = d \end{gather}", ["?", "?"]),
    (r"a = b \text{ times } c", ["?", "?"]),
    (r"a, b = c", ["?"]),
    (r"a = b \foo = c = d", ["?", "?", "c = d"]),
    (r"= 3", ["?"]),
    (r"a =", ["?"]),
    (r"a = b = \frac{c", ["a = b", "?"]),
]


@pytest.mark.parametrize(("block", "items"), ROWS)
def test_rows(block: str, items: list[str]) -> None:
    found = shown(read_text(f"$${block}$$", "md"))
    assert [item for item in found if item != "–" or "–" in items] == items


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("$$a = b$$", "md"),
        ("$a = b$", "md"),
        (r"\[a = b\]", "tex"),
        (r"\(a = b\)", "txt"),
        (r"\\(a = b\\)", "md"),
        (r"\\[a = b\\]", "md"),
        (r"\begin{equation*}a = b\end{equation*}", "tex"),
        (r"\begin{align}a &= b\end{align}", "md"),
        (r"\begin{equation}\begin{split}a &= b\end{split}\end{equation}", "tex"),
        (r"\begin{multline}a = \\ b\end{multline}", "tex"),
        ("$$\na = b\n$$", "txt"),
        ("$$\n\na = b\n\n$$", "md"),
        ("It costs $5 or $6. Let $a = b$.", "md"),
    ],
)
def test_blocks(source: str, kind: str) -> None:
    assert shown(read_text(source, kind)) == ["a = b"]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("```\n$a = b$\n```", "md"),
        ("~~~ python\n$$a = b$$\n~~~", "md"),
        ("text `$a = b$` text", "md"),
        ("text\n\n    $a = b$\n", "md"),
        ("<pre>$a = b$</pre>", "md"),
        ("<!-- $a = b$ -->", "md"),
        ("% $a = b$", "tex"),
        (r"\begin{verbatim}$a = b$\end{verbatim}", "tex"),
        (r"\verb|$a = b$|", "tex"),
        (r"\newcommand{\be}{\begin{equation}}", "tex"),
        (r"\$a = b\$", "md"),
        ("a = b", "txt"),
    ],
)
def test_no_maths(source: str, kind: str) -> None:
    assert shown(read_text(source, kind)) == []


def test_a_chain_goes_on_across_blocks() -> None:
    document = read_text("$$A = B$$ where $n$ counts,\n\nthen\n$$= D$$ and $= E$", "md")
    assert shown(document) == ["A = B", "B = D", "D = E"]
    assert {equation.chain for equation in document.equations} == {document.equations[0].chain}
    document = read_text("$$A = B$$\n$$+ C$$\n$$= D$$", "md")
    assert shown(document) == ["A = B + C", "B + C = D"]
    assert shown(read_text("$$A = B$$ and then $$+ C$$\n$$= D$$", "md")) == ["?", "?"]
    assert [equation.position_in_chain for equation in document.equations] == [0, 1]


def test_positions() -> None:
    document = read_text("Text.\r\n\r\n$$a = b$$\r\nand $x =\r\n y = z$", "md")
    assert [(item.place.line, item.place.column) for item in document.items] == [(3, 3), (4, 6), (5, 4)]
    first = document.equations[0]
    assert (first.left_span.start.column, first.right_span.start.column, first.right_span.end.column) == (3, 7, 8)
    assert first.latex == "a = b"


def test_an_error_has_its_line_and_a_caret() -> None:
    item = read_text("Text.\n$$a = b +$$", "md").items[0]
    assert isinstance(item, Unreadable)
    assert (item.place.line, item.place.column) == (2, 10)
    assert item.caret == "$$a = b +$$\n         ^"


def notebook(*sources: object) -> str:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": source} for source in sources]
    code = {"cell_type": "code", "outputs": [{"data": {"text/plain": ["$c = d$"]}}], "source": ["$e = f$"]}
    return json.dumps({"cells": [code, *cells], "nbformat": 4}, indent=1)


def test_positions_in_a_notebook() -> None:
    raw = notebook(["é $\\mu = x$\n", "$$\\sigma = y$$"], "\ttext\n$\\beta = 3$")
    document = read_text(raw, "ipynb")
    assert shown(document) == ["μ = x", "σ = y", "β = 3"]
    lines = raw.splitlines()
    for item, name in zip(document.items, (r"\\mu", r"\\sigma", r"\\beta"), strict=True):
        assert lines[item.place.line - 1][item.place.column - 1 :].startswith(name)


def test_a_block_does_not_reach_into_the_next_cell() -> None:
    assert shown(read_text(notebook("$$a = b", "$d = e$"), "ipynb")) == ["?", "d = e"]


def test_macros() -> None:
    document = read_text(
        r"""\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}} \def\xh{\hat{x}} \DeclareMathOperator{\V}{Var}
\newcommand{\R}[1][2]{x} $\pd{L}{\xh_i} = \V(x)$
$\a = 1$ \newcommand{\a}{\b}\newcommand{\b}{\a} $\R = 2$""",
        "tex",
    )
    assert shown(document) == ["∂L/∂x̂_i = Var(x)", "?", "?"]
    assert document.items[0].place.column == 27
    assert document.items[1].place.column == 2


def test_givens() -> None:
    source = "% given: $N = m$\n$a = b$ % given: \\delta_i = \\frac{\\partial L}{\\partial y_i}\n%given: (\n"
    document = read_text(source, "tex")
    assert [text(item.left) if isinstance(item, Equation) else "?" for item in document.givens] == ["N", "δ_i", "?"]
    document = read_text("<!-- given: N = m\n  M = m -->\n$a = b$", "md", given=["$x = y$"])
    places = [(item.place.line, item.place.column) for item in document.givens]
    assert places == [(1, 13), (2, 3), (1, 2)]


SQUARES = [
    (r"$\sigma^2 = v$ and $y = \sigma^2 x_i^2$", ["σ² = v", "y = σ² x_i²"], True),
    (r"$\frac{\partial L}{\partial \sigma_B^2} = \sigma_B^2$", ["∂L/∂σ²_B = σ²_B"], True),
    (r"$\frac{\partial \sigma^2}{\partial x_i} = 2$", ["∂/∂x_i [σ²] = 2"], False),
    (r"$\sigma = s$ and $\sigma^2 = v$", ["σ = s", "σ² = v"], False),
    (r"$y = \sigma^2$", ["y = σ²"], False),
]


@pytest.mark.parametrize(("source", "items", "is_name"), SQUARES)
def test_squared_names(source: str, items: list[str], is_name) -> None:
    document = read_text(source, "md")
    assert shown(document) == items
    assert (("σ", "") in document.decisions.squared) == is_name
    assert ("x", "") not in document.decisions.squared


def test_indices_and_labels_are_decided_for_the_document() -> None:
    document = read_text(r"$\mu_b = \sum_{n=1}^N x_n$, $\sigma_b = x_N$, $y = z_N + x_1 + w_1$", "md")
    assert shown(document) == ["μ_b = Σ_n x_n", "σ_b = x_N", "y = z_N + x₁ + w₁"]
    right = document.equations[1].right
    assert right.parts != ()  # x_N is an element of x
    first, second, third = document.equations[2].right.parts
    assert (first.parts == (), second.parts == (), third.parts == ()) == (True, False, True)


BESIDE_A_BOUND_INDEX = [
    # all that the Σ can sum over, and g stands elsewhere: two indices
    (
        r"$\mu_g = \sum_{c=1}^C x_{gc}$ and $y_{gc} = x_{gc} - \mu_g$",
        ["μ_g = Σ_c x_gc", "y_gc = x_gc − μ_g"],
        {"g", "c"},
    ),
    (r"$\mu_{ng} = \sum_c x_{ngc}$ and $y = \sum_n x_{ngc}$", ["μ_ng = Σ_c x_ngc", "y = Σ_n x_ngc"], {"n", "g", "c"}),
    # what is defined has all the indices of what it is made of
    (r"$z_{bc} = x_{bc} - \mu_c$ and $y = z_{bc}$", ["z_bc = x_bc − μ_c", "y = z_bc"], {"b", "c"}),
    (r"$z_n = (x_n - \mu_{run}) / \sigma_{run}$ and $y = \mu_{run}$", None, set()),
    # the Σ has x_b to sum over, and nothing else in "batch" stands elsewhere: a label
    (r"$y = \sum_b (x_b - \mu_{batch})^2$ and $\mu_{batch} = \sum_b x_b$", None, {"b"}),
    (r"$y = \sum_n x_n / \mu_{\mathrm{gn}}$ and $z = \mu_g$", ["y = Σ_n x_n/μ_gn", "z = μ_g"], {"n"}),
    # it may be either
    (r"$y_g = \sum_c w_c x_{gc}$", ["?"], {"c"}),
    (r"$y = \sum_c x_{gc}$", ["?"], {"c"}),
    (r"$y_{ab} = x_{ab} - \sum_{b=1}^B x_{ab}$", ["?"], {"b"}),
]


@pytest.mark.parametrize(("source", "items", "indices"), BESIDE_A_BOUND_INDEX)
def test_letters_beside_the_index_of_a_sum(source: str, items: list[str] | None, indices: set[str]) -> None:
    document = read_text(source, "md")
    assert document.decisions.indices - frozenset("ijkl") == indices
    if items is None:
        assert "?" not in shown(document)
    else:
        assert shown(document) == items


def test_capitals_that_are_sizes_are_multiplied() -> None:
    means = r"$\mu = \frac{1}{NHW} \sum_{n=1}^N \sum_{h=1}^H \sum_{w=1}^W x_{nhw}$"
    assert shown(read_text(f"{means}, $M = NHW$", "md")) == ["μ = 1/(N H W) Σ_n Σ_h Σ_w x_nhw", "M = N H W"]
    assert shown(read_text(f"{means}, $M = NHC$ and $M = nhw$", "md"))[1:] == ["?", "?"]


def test_words_and_deltas_are_decided_for_the_document() -> None:
    assert shown(read_text("$temp = x$, $y = 2 temp_i$", "md")) == ["temp = x", "y = 2 temp_i"]
    assert shown(read_text(r"$y = \delta_{ij}$", "md")) == ["y = δ_ij"]
    document = read_text(r"$\delta_{ij} = x$, $y = \delta_{ij}$", "md")
    assert not document.decisions.kronecker


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("\ufeff$a = b$".encode())
    assert shown(read_file(path)) == ["a = b"]
    for name, content in (
        ("b.tex", b"a\0b"),
        ("c.md", b"\xff\xfe\xfa\xfb\xfc"),
        ("d.ipynb", b"{"),
        ("e.ipynb", b"[1]"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileError):
            read_file(tmp_path / name)
    for missing in (tmp_path / "none.tex", tmp_path):
        with pytest.raises(FileError):
            read_file(missing)


def test_standard_input(monkeypatch) -> None:
    class Input:
        buffer = __import__("io").BytesIO(b"$a = b$")

    monkeypatch.setattr("sys.stdin", Input)
    assert shown(read_file("-")) == ["a = b"]
