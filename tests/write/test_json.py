"""The report as JSON: valid, complete, and of the shape other programs rely on."""

from __future__ import annotations

import json as reader
import math
from dataclasses import replace
from functools import cache

import pytest
from sympy import Abs, sqrt

import derive
from derive.layers import load
from derive.layers.layer import Gradient
from derive.report import report
from derive.write.json import json

KINDS = ("proved", "every", "refuted", "undecided")


@cache
def made(kind, *, stable=False):
    layer = load("batchnorm")
    dgamma, dbeta, dx = layer.gradients
    match kind:
        case "refuted":
            layer = replace(layer, gradients=(dgamma, dbeta, Gradient(dx.of, 2 * dx.value)))
        case "undecided":
            odd = Abs(dgamma.of) - sqrt(dgamma.of**2)
            layer = replace(layer, gradients=(dgamma, Gradient(dbeta.of, dbeta.value + odd), dx))
    return report(derive.derive(layer, None if kind == "every" else 3), stable=stable)


def loaded(one):
    """Parsed strictly: NaN and Infinity are no JSON."""
    return reader.loads(json(one), parse_constant=pytest.fail)


def formula(one):
    return {"latex": one.latex, "text": one.text}


JUDGED = {"verdict", "note", "reason", "not_zero", "counterexample"}
# Where, the keys there.
SHAPE = [
    ("steps", {"number", "name", "part", "latex", "text", "rule", "used", "spelled_out"} | JUDGED),
    ("checks", {"name", "verdict", "detail", "seconds", "failing"}),
    ("forward", {"name", "latex", "text"}),
    ("graph", {"name", "kind", "latex", "text", "reads"}),
    (
        "numeric",
        {
            "against", "dtype", "comparisons", "max_relative_error", "max_scaled_error", "tolerance", "nearest_case",
            "passed",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("part", "keys"), SHAPE, ids=[row[0] for row in SHAPE])
def test_every_entry_has_all_its_keys(kind, part, keys):
    entries = loaded(made(kind))[part]
    assert entries
    assert all(set(entry) >= keys for entry in entries)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_in_the_report_is_there(kind):
    one, data = made(kind), loaded(made(kind))
    assert (data["layer"], data["m"]) == ("batchnorm", "every" if kind == "every" else 3)
    assert data["verdict"] == one.verdict == ("proved" if kind == "every" else kind)
    for step, line in zip(data["steps"], one.steps, strict=True):
        assert {"latex": step["latex"], "text": step["text"]} == formula(line.formula)
        assert (step["number"], step["name"], step["rule"]) == (line.number, line.name.text, line.rule)
        used = [{**formula(one), "label": one.label} for one in line.because]
        assert (step["verdict"], step["used"]) == (line.judged.verdict, used)
        assert step["spelled_out"] == (line.spelled_out and formula(line.spelled_out))
    for form in one.closed_forms:
        found = data["closed_form"][f"d{form.of}"]
        assert {"latex": found["latex"], "text": found["text"]} == formula(form.found)
        assert (found["stated"], found["verdict"]) == (formula(form.stated), form.judged.verdict)
    for entry, identity in zip(data["identities"], one.identities, strict=True):
        assert {"latex": entry["latex"], "text": entry["text"]} == formula(identity.formula)
        assert (entry["label"], entry["title"], entry["verdict"]) == (identity.label, identity.title, "proved")
        assert entry["proof"] == formula(identity.proof)
    assert [check["verdict"] for check in data["checks"]] == [check.verdict or None for check in one.checks]
    assert [row["passed"] for row in data["numeric"]] == [line.passed for line in one.numeric]


def test_a_refutation_carries_its_counterexample():
    found = loaded(made("refuted"))
    example = found["closed_form"]["dx"]["counterexample"]
    assert set(example) == {"sizes", "values", "left", "right"}
    assert all(type(value) is int for value in example["sizes"].values())
    assert all(type(value) is str for value in example["values"].values())
    assert example["left"] != example["right"]
    assert {name for check in found["checks"] for name in check["failing"]} >= {"∂L/∂x"}
    assert found["closed_form"]["dγ"]["counterexample"] is None


def test_an_undecided_claim_carries_its_reason_and_no_counterexample():
    found = loaded(made("undecided"))["closed_form"]["dβ"]
    assert (found["verdict"], found["counterexample"]) == ("undecided", None)
    assert "differ" in found["reason"]


def test_a_stable_report_has_null_for_what_is_measured():
    data = loaded(made("proved", stable=True))
    assert data["versions"] == {}
    assert {check["seconds"] for check in data["checks"]} == {0.0}
    for row in data["numeric"]:
        assert [row[key] for key in ("max_relative_error", "max_scaled_error", "tolerance", "nearest_case")] == [
            None
        ] * 4
    assert json(made("proved", stable=True)) == json(made("proved", stable=True))


def test_it_is_readable_utf8_and_ends_in_a_newline():
    found = json(made("proved"))
    assert "∂L/∂x̂_i" in found
    assert found.endswith("}\n")
    assert found.encode("utf-8").decode("utf-8") == found


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_error_that_is_no_number_is_still_json(value):
    """A wrong closed form may divide by zero."""
    one = made("proved")
    line = replace(one.numeric[0], max_relative_error=value, scaled_error=value, passed=False)
    assert loaded(replace(one, numeric=(line,)))["numeric"][0]["passed"] is False
