"""Whatever is in a file, checking it ends in time and memory, says something clear and executes nothing.

The other files of a run are checked all the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derive
from derive.check import check_text
from derive.limits import TooLong, at_most

ROOT = Path(derive.__file__).parent.parent
SECONDS = 10
GIGABYTE = 2**30
VERDICTS = {"proved", "refuted", "undecided", "unreadable", "definition", "given", "notation"}
GOOD = r"""\[ \mu = \frac{1}{m} \sum_{k=1}^m x_k \]
\[ \frac{\partial \mu}{\partial x_i} = \frac{1}{m} \]"""
CLAIM = r"\frac{\partial L}{\partial x_i}"
BIG = 10 * 2**20

# A process with a limit on its memory; the clock runs for the checking, not for the imports.
RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from derive.cli import main
main()
"""


def letters(number):
    return "".join(chr(97 + int(digit)) for digit in str(number))


def nested_sums(count):
    return "".join(rf"\sum_{{{chr(97 + place % 26)}=1}}^m " for place in range(count)) + "x_a"


def deep(count, opening, closing, inner="x"):
    return opening * count + inner + closing * count


MACROS = "\n".join(
    rf"\newcommand{{\{a}}}{{{(chr(92) + b) * 10}}}" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)
FILES = {
    "unbalanced.tex": r"\[ x = {{{{ \frac{1 \] \[ ) = ( \] $ \left( x = 1 $ \begin{align} a &= b",
    "unbalanced.md": "$$ x = { $$\n\n$ $$ $ $$ \\[ \\( \\] \\)\n```\n$x = 1$",
    "big-prose.md": "word " * (BIG // 5),
    "big-maths.tex": (GOOD + "\n") * (BIG // len(GOOD)),
    "big-line.tex": r"\[ x = " + "a + " * (BIG // 4) + r"a \]",
    "braces.tex": r"\[" + "{" * 100_000 + "}" * 100_000 + r"\]",
    "open-braces.tex": r"\[" + "{" * 100_000,
    "brackets.tex": rf"\[ x = {'(' * 50_000}1{')' * 50_000} \]",
    "many-terms.tex": rf"\[ x = {' + '.join(f'a_{{{n}}}' for n in range(10_000))} \]",
    "a-thousand-terms.tex": rf"\[ x = {' + '.join(f'a_{{{n}}} b_{{{n}}}' for n in range(990))} \]"
    "\n"
    r"\[ x = 0 \]",
    "many-names.tex": rf"\[ ({' + '.join('v_{' + letters(n) + '}' for n in range(200))})^{{12}} = 0 \]",
    "sums.tex": GOOD + rf"\[ \mu = {nested_sums(30)} \]",
    "powers.tex": GOOD + r"\[ (\sum_k x_k + \mu + a + b + c + d)^{60} = \mu \]",
    "tower.tex": GOOD + r"\[ \mu = 9^{9^{9^{9}}} \]",
    "exponent.tex": GOOD + r"\[ \mu = \mu^{10000000000} \]" + r"\[ \mu = 2^{-99999999999} \]",
    "number.tex": GOOD + rf"\[ \mu = {'9' * 90_000} \]",
    "decimals.tex": GOOD + rf"\[ \mu = 0.{'3' * 90_000} \]",
    "square-roots.tex": GOOD + r"\[ \mu = " + deep(50, r"\sqrt{1 + ", "}", r"\mu") + r" \]",
    "fractions.tex": GOOD + r"\[ \mu = " + deep(50, r"\frac{1}{1 + ", "}", r"\mu") + r" \]",
    "fractions-of-sums.tex": GOOD + r"\[ \mu = " + deep(25, r"\frac{1}{1 + \sum_k x_k ", "}", r"\mu") + r" \]",
    "derivatives.tex": GOOD
    + "".join(rf"\[ {CLAIM} = \frac{{\partial q_{{{n}}}}}{{\partial x_i}} \]" for n in range(300)),
    "wrong-claims.tex": GOOD
    + "".join(rf"\[ \frac{{\partial \mu}}{{\partial x_i}} = \frac{{{n}}}{{m}} \]" for n in range(2, 200)),
    "definitions.tex": "".join(rf"\[ v_{{{letters(n + 1)}}} = v_{{{letters(n)}}}^2 + 1 \]" for n in range(300)),
    "squares.tex": "".join(rf"\[ v_{{{letters(n + 1)}}} = v_{{{letters(n)}}}^2 + x_i \]" for n in range(60))
    + r"\[ \frac{\partial L}{\partial x_i} = v_{gb} \]",
    "circle.tex": r"$a = b + 1$ $b = c + 1$ $c = a + 1$ $a = 3$ $\frac{\partial a}{\partial c} = 1$",
    "itself.tex": r"$a_i = a_j$ $a = a$ $\frac{\partial a}{\partial a} = 1$ $\frac{\partial L}{\partial L} = 1$",
    "macros.tex": MACROS + r"\[ \a = 1 \]" + "\n" + GOOD,
    "recursive-macros.tex": r"\newcommand{\a}{\b}\newcommand{\b}{\a} \[ \a = 1 \]" + "\n" + GOOD,
    "self-macro.tex": r"\def\a{\a\a} \[ \a = 1 \]" + "\n" + GOOD,
    "binary.tex": bytes(range(256)) * 400,
    "zeros.tex": b"\0" * 100_000,
    "nul.tex": "\\[ x\0 = \0 1 \\]\n" + GOOD,
    "utf-16.tex": GOOD.encode("utf-16"),
    "latin.md": b"$x = \xe9$",
    "not-json.ipynb": "# no notebook",
    "list.ipynb": "[1, 2]",
    "nested.ipynb": "[" * 200_000,
    "odd.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": 3}, None, {"source": [None]}]}),
    "keywords.tex": r"\[ \mathrm{lambda} = \mathrm{class} + \mathrm{None} \] \[ \mathrm{lambda} = \mathrm{import} \]",
    "sympy-names.tex": r"$S = N + Q + O + E + I$ $\frac{\partial S}{\partial Q} = 1$ $dS/dI = 1$",
    "right-to-left.tex": "\\[ \u05d0 = \u202e x \u202c + \u0627 \\]\n" + GOOD,
    "combining.tex": "\\[ x" + "\u0302" * 5_000 + " = 1 \\]\n" + GOOD,
    "long-name.tex": rf"\[ \mathrm{{{'a' * 50_000}}} = \mathrm{{{'a' * 50_000}}} + 1 \]" + "\n" + GOOD,
    "long-index.tex": rf"\[ x_{{{'i' * 500}}} = x_{{{'j' * 500}}} \]" + "\n" + GOOD,
    "many-indices.tex": rf"$\sum_a x_{{abcdefg}} = 0$ $x_{{{','.join('ijklmnopq')}}} = x_{{{','.join('jiklmnopq')}}}$",
    "no-newline.txt": "$x = 1",
    "line-ends.tex": GOOD.replace("\n", "\r") + "\r\r\n\x0b\x0c\u2028\u2029",
    "ansi.tex": "\\[ \x1b[31mx = 1\x1b[0m \\]",
    "givens.tex": "% given: {{{\n% given: x = 1 = 2\n% given: N = m\n% given: m = N\n" + GOOD,
    "sizes.tex": r"$\mu = \frac{1}{99999} \sum_{k=1}^{99999} x_k$ $d\mu / d x_i = \frac{1}{99998}$",
    "size-zero.tex": r"\[ \mu = \sum_{k=1}^{0} x_k \] \[ \mu = 0 \] \[ \frac{\partial \mu}{\partial x_i} = 1 \]",
}
EXPLOITS = [
    "__import__('os').system('touch {canary}')",
    "$x = __import__('os').system('touch {canary}')$",
    r"\[ \mathrm{{__import__('os').system('touch {canary}')}} = 1 \]",
    r"\[ \frac{{\partial L}}{{\partial x_i}} = \operatorname{{__import__}}('os').system('touch {canary}') \]",
    r"\[ x = \operatorname{{eval}}(\text{{open('{canary}','w')}}) \]",
    r"$\mathrm{{open('{canary}','w')}}_i = 2$ $d \mathrm{{open('{canary}','w')}}_i / d x_i = 0$",
    r"\input{{|touch {canary}}} \write18{{touch {canary}}} \[ x = 1 \]",
    r"\[ x_{{open('{canary}','w')}} = 1 \] \[ \exp(\text{{open('{canary}', 'w')}}) = 1 \]",
    "% given: x = __import__('os').system('touch {canary}')\n\\[ x = 1 \\]",
]


def limited(folder, *arguments):
    """The program in a process with a gigabyte of memory; (done, seconds)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "100"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(limit=GIGABYTE), *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done, time.monotonic() - started


@pytest.fixture(scope="module")
def start_up(tmp_path_factory):
    """What a run takes that has nothing to do: the imports, on this machine at this time."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "good.tex").write_text(GOOD, "utf-8")
    return limited(folder, "check", "good.tex")[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_file_ends_and_the_others_are_checked(tmp_path, start_up, name):
    content = FILES[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    (tmp_path / "good.tex").write_text(GOOD, "utf-8")
    done, seconds = limited(tmp_path, "check", name, "good.tex", "--format", "json")
    assert b"Traceback" not in done.stderr
    assert done.returncode in {0, 1, 2, 3}, done.stderr
    odd, good = json.loads(done.stdout)["files"]
    assert [one["verdict"] for one in good["equations"]] == ["definition", "proved"]
    assert {one["verdict"] for one in odd["equations"]} <= VERDICTS
    assert all(one["reason"] for one in odd["equations"] if one["verdict"] in {"undecided", "unreadable"})
    if odd["error"]:
        assert "bug of derive-bn" not in odd["error"]
        assert len(odd["error"]) < 1_000
    assert seconds - start_up <= SECONDS


HARMLESS = [name for name, content in FILES.items() if len(content) < 100_000]


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMLESS)
def test_the_text_for_a_terminal_is_printable(tmp_path, name):
    content = FILES[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    done, _ = limited(tmp_path, "check", name)
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stdout
    assert b"\0" not in done.stdout


@pytest.mark.parametrize("suffix", ["tex", "md", "txt"])
def test_nothing_is_executed(tmp_path, suffix):
    canary = tmp_path / "canary"
    for number, one in enumerate(EXPLOITS):
        (tmp_path / f"{number}.{suffix}").write_text(one.format(canary=canary) + "\n" + GOOD, "utf-8")
    done, _ = limited(tmp_path, "check", ".", "--format", "json")
    assert len(json.loads(done.stdout)["files"]) == len(EXPLOITS)
    assert not canary.exists()


@pytest.mark.parametrize("option", ["--given", "--layer"])
def test_nothing_is_executed_from_the_command_line(tmp_path, option):
    (tmp_path / "a.tex").write_text(GOOD, "utf-8")
    limited(tmp_path, "check", "a.tex", option, "x = __import__('os').system('touch canary')")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tex"]


def test_time_is_given_up():
    def forever():
        while True:
            pass

    with pytest.raises(TooLong), at_most(0.05):
        forever()


def test_what_ends_in_time_is_left_alone():
    with at_most(5):
        assert sum(range(100)) == 4950
    time.sleep(0.01)


# --- fuzzing -----------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("{", "}", "(", ")", "[", "]", "\\", "&", "^", "_", "=", ":=", "+", "-", "/", "|", ",", ".", "'", " "),
        *(
            "x",
            "x_i",
            "m",
            "N",
            "1",
            "2.5",
            "0",
            r"\mu",
            r"\sigma^2",
            r"\hat{x}_i",
            r"\gamma",
            "L",
            "e",
            r"\delta_{ij}",
        ),
        *(r"\frac{1}{m}", r"\frac", r"\sqrt", r"\sum_{i=1}^m", r"\sum_{j \neq i}", r"\sum", r"\partial", "d", r"\exp"),
        *(
            CLAIM,
            r"\frac{\partial \mu}{\partial x_i}",
            r"\frac{\partial L}{\partial y_j}",
            r"\frac{\partial}{\partial x_i}",
        ),
        *(r"\left(", r"\right)", r"\mathbb{E}[", r"\operatorname{Var}(", r"\|", "^2", "^{-1/2}", r"\\", r"\] \[", "$$"),
    ]
)
SOUP = st.lists(PIECES, max_size=25).map(" ".join)


def is_clear(report):
    for one in report.entries:
        assert one.verdict in VERDICTS
        assert one.verdict not in {"undecided", "unreadable"} or one.reason


@settings(max_examples=250, deadline=None)
@given(SOUP, st.booleans())
def test_no_soup_of_tokens_breaks_it(soup, alone):
    started = time.monotonic()
    is_clear(check_text(rf"\[ {soup} \]" if alone else GOOD + rf"\[ {soup} \]"))
    assert time.monotonic() - started < SECONDS


@settings(max_examples=60, deadline=None)
@given(SOUP, SOUP)
def test_no_claim_of_soup_breaks_it(left, right):
    is_clear(check_text(GOOD + rf"\[ y_i = \gamma (x_i - \mu) \] \[ {left} = {right} \]"))


CORPUS = sorted(path for path in (ROOT / "checks").rglob("*.*") if path.suffix in {".tex", ".md"})


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_damaged_document_breaks_it(data):
    path = data.draw(st.sampled_from(CORPUS))
    source = path.read_text("utf-8")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(source)))
        gone = data.draw(st.integers(0, 8))
        source = source[:at] + data.draw(PIECES) + source[at + gone :]
    started = time.monotonic()
    is_clear(check_text(source, path.suffix[1:]))
    assert time.monotonic() - started < SECONDS
