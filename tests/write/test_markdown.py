"""The Markdown report: what it says, and that nothing in it is taken for markup."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import derive
from derive.layers import load
from derive.layers.layer import Gradient
from derive.report import Report, report
from derive.write.breaking import terms
from derive.write.markdown import escaped, markdown, shape


@cache
def made(m: int | None, *, wrong: bool = False) -> Report:
    """Batch norm's report; if wrong, with twice its closed form for x."""
    layer = load("batchnorm")
    last = layer.gradients[-1]
    planted = replace(layer, gradients=(*layer.gradients[:-1], Gradient(last.of, 2 * last.value)))
    return report(derive.derive(planted if wrong else layer, m), stable=m is None)


@pytest.mark.parametrize("m", [4, None])
def test_every_step_has_its_number_formula_and_verdict(m: int | None) -> None:
    found = markdown(made(m))
    for line in made(m).steps:
        head, _, rest = found.partition(f"**{line.number}.** ")[2].partition("\n")
        assert f"{line.judged.verdict}**" in head
        assert all(term in rest.partition("\n**")[0] for term in terms(line.formula.latex)[1:])


def test_the_counterexample_of_a_wrong_closed_form_is_shown_in_full() -> None:
    one = made(4, wrong=True)
    example = next(form.judged.counterexample for form in one.closed_forms if form.of == "x")
    found = markdown(one)
    assert "The overall verdict is **✗ refuted**" in found
    assert all(f"{escaped(name)} = {value}" in found for name, value in example.values.items())
    assert f"left side {example.left}, right side {example.right}." in found


def test_fences_are_closed_and_hold_no_alignment_that_github_refuses() -> None:
    found = markdown(made(4))
    assert found.count("```") % 2 == 0
    assert r"\begin{align}" not in found
    assert found.count(r"\begin{aligned}") == found.count(r"\end{aligned}")


def test_no_formula_stands_where_github_reads_markup() -> None:
    outside = re.sub(r"```.*?```|\$`[^`]*`\$", "", markdown(made(4)), flags=re.DOTALL)
    assert not re.search(r"\\[A-Za-z]", outside)
    assert not re.search(r"(?<!\\)_", outside)


def test_tables_have_as_many_cells_in_every_row() -> None:
    lines = markdown(made(4)).splitlines()
    for head, *rest in (block.splitlines() for block in "\n".join(lines).split("\n\n") if block.startswith("| ")):
        cells = [len(re.findall(r"(?<!\\)\|", row)) for row in (head, *rest)]
        assert len(set(cells)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snake_case *b* <i> [l](u)", r"snake\_case \*b\* \<i\> \[l\](u)"),
        ("a | b ` $x$ \\ &amp;", r"a \| b \` \$x\$ \\ \&amp;"),
        ("two\nlines", "two lines"),
        ("x̂, σ²", "x̂, σ²"),
    ],
)
def test_escapes(text: str, expected: str) -> None:
    assert escaped(text) == expected


@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [("input", "x_i", '(["x_i"])'), ("output", 'a"]b', '["a#34;#93;b"]'), ("loss", "L", '(("L"))')],
)
def test_graph_nodes(kind: str, label: str, expected: str) -> None:
    assert shape(kind, label) == expected


def test_the_graph_has_every_edge() -> None:
    found = markdown(made(4))
    edges = sum(len(node.reads) for node in made(4).graph) + 1
    assert found.count(" --> ") == edges
    assert found.count(" -.-> ") == edges - 1  # ε is not differentiated


def test_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys, derive; from derive.report import report; from derive.write.markdown import markdown;"
        "sys.stdout.buffer.write(markdown(report(derive.derive('batchnorm'), stable=True)).encode())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "3", "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert run.stdout.decode() == markdown(made(None))
