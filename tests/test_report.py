"""A report is plain data: every line, verdict and number of a derivation, and nothing that varies when it is stable."""

import json
from dataclasses import asdict, fields, is_dataclass, replace

import pytest
from sympy import S

from derive.derivation import derive
from derive.layers.batchnorm import LAYER, i, xhat
from derive.report import catalogue, report


@pytest.fixture(scope="module")
def derivation():
    return derive("batchnorm", 3)


@pytest.fixture(scope="module")
def found(derivation):
    return report(derivation, stable=True)


def leaves(data):
    if isinstance(data, dict):
        for value in data.values():
            yield from leaves(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from leaves(value)
    else:
        yield data


def test_it_holds_plain_data_only(found):
    assert {type(leaf) for leaf in leaves(asdict(found))} <= {str, int, float, bool, type(None)}
    json.dumps(asdict(found))


def test_there_is_a_line_for_every_step(found, derivation):
    assert [line.number for line in found.steps] == list(range(1, len(derivation.steps) + 1))
    assert [line.rule for line in found.steps] == [step.rule for step in derivation.steps]
    assert all(line.formula.text == f"{line.name.text} = {line.right.text}" for line in found.steps)


def test_the_forward_pass_is_given(found):
    assert [line.name.text[:2].strip("_ᵢ") for line in found.forward] == ["μ", "σ²", "x̂", "y"]
    assert {line.judged.verdict for line in found.forward} == {"definition"}


def test_the_graph_has_its_kinds(found):
    assert {node.name: node.kind for node in found.graph} == {
        "x": "input",
        "γ": "input",
        "β": "input",
        "ε": "input",
        "μ": "intermediate",
        "σ²": "intermediate",
        "x̂": "intermediate",
        "y": "output",
    }


def test_there_are_four_routes(found):
    assert len(found.checks) == 4
    assert [check.verdict for check in found.checks] == ["proved", "proved", "proved", "passed"]
    assert not any(check.failing for check in found.checks)


def test_a_proof_that_says_nothing_carries_its_note(found):
    notes = {line.name.text: line.judged.note for line in found.steps if line.judged.note}
    assert notes["∂σ²/∂μ"] == "both sides are 0"


def test_every_formula_is_there_twice(found):
    def formulas(data):
        if is_dataclass(data):
            names = {one.name for one in fields(data)}
            if names == {"text", "latex"}:
                yield data
            for name in names:
                yield from formulas(getattr(data, name))
        elif isinstance(data, tuple):
            for one in data:
                yield from formulas(one)

    every = list(formulas(found))
    assert len(every) > 80
    assert all(one.text and one.latex for one in every)


def test_stable_reports_do_not_vary(found):
    assert report(derive("batchnorm", 3), stable=True) == found
    assert found.versions == ()
    assert {check.seconds for check in found.checks} == {0.0}
    assert {line.max_relative_error for line in found.numeric} == {0.0}


def test_an_unstable_report_says_what_it_measured(derivation):
    measured = report(derivation)
    assert {"SymPy", "NumPy", "Python", "derive-bn"} <= {name for name, _ in measured.versions}
    assert any(check.seconds for check in measured.checks)


@pytest.mark.parametrize(("size", "m"), [(None, None), (1, 1), (4, 4)])
def test_the_size_is_given_as_asked(size, m):
    assert report(derive("batchnorm", size), stable=True).m == m


def test_a_refuted_statement_brings_its_counterexample():
    claims = (*LAYER.gradients[:2], replace(LAYER.gradients[2], value=xhat[i] / 7))
    found = report(derive(replace(LAYER, gradients=claims)), stable=True)
    assert found.verdict == "refuted"
    (wrong,) = (form for form in found.closed_forms if form.of == "x")
    example = wrong.judged.counterexample
    assert example.right != example.left
    assert example.sizes["m"] >= 2
    assert set(example.at) == {"i"}
    sentence = example.sentence()
    assert sentence.startswith("m = ")
    assert sentence.endswith(f"left {example.left}, right {example.right}")
    assert all(f"{name} = {value}" in sentence for name, value in example.values.items())


def test_the_catalogue_has_every_layer():
    (entry,) = (entry for entry in catalogue() if entry.name == "batchnorm")
    assert entry.title == LAYER.title
    assert len(entry.forward) == len(LAYER.forward)
    assert len(entry.closed_forms) == len(LAYER.gradients)


def test_a_stated_gradient_of_0_is_reported():
    """Nothing is divided by a tolerance of 0."""
    claims = (*LAYER.gradients[:2], replace(LAYER.gradients[2], value=S.Zero))
    found = report(derive(replace(LAYER, gradients=claims)), stable=True)
    assert not all(line.passed for line in found.numeric)
