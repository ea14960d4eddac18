"""The museum in checks/implementations/: every function gets the verdict and the diagnosis it must get."""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import derive
from derive.layers import names as layer_names

HERE = Path(derive.__file__).parent.parent / "checks" / "implementations"
pytestmark = pytest.mark.skipif(not HERE.exists(), reason="checks/ is not installed")

museum = None
if HERE.exists():
    sys.path.insert(0, str(HERE))  # compare.py imports it by its name
    museum = importlib.import_module("museum")
ENTRIES = museum.entries() if museum else []
PLAIN = {"function", "layer", "origin", "what", "verdict"}
OPTIONAL = {"framework", "axes", "diagnosis", "says", "inaccurate", "keepdims"}
REPORTS = {
    "CrypTen 143", "Knet.jl 288", "MIOpen 104", "Megatron-LM 6859", "quack 53", "matconvnet 1174", "candle 2168",
    "Liger 1375", "Caffe 3878", "Caffe 4110", "darknet 1723",
}  # fmt: skip
NO_BUGS = {"Caffe 3878", "Caffe 4110", "darknet 1723"}


def needs(entry):
    framework = museum.framework(entry)
    return pytest.mark.skipif(find_spec(framework) is None, reason=f"{framework} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("entry", [pytest.param(one, id=one["function"], marks=needs(one)) for one in ENTRIES])
def test_every_function_gets_what_it_must_get(entry):
    assert museum.differences(entry, museum.examined(entry)) == []


# --- the test of the test ----------------------------------------------------------------------------------------

BY_NAME = {entry["function"]: entry for entry in ENTRIES}
OTHER = {"passed": "failed", "failed": "passed", "refused": "passed"}
PLANTED = [
    ("caffe_4110.py:term_dropped", {"verdict": "failed"}),
    ("caffe_4110.py:term_dropped", {"inaccurate": True}),
    ("knet_288.py:batchnorm_backward", {"verdict": "passed"}),
    ("knet_288.py:batchnorm_backward", {"verdict": "refused", "says": ["γ"]}),
    ("knet_288.py:batchnorm_backward", {"diagnosis": {"dbeta": []}}),
    ("knet_288.py:batchnorm_backward", {"diagnosis": {"dx": ["transposed"]}}),
    ("knet_288.py:batchnorm_backward", {"diagnosis": {"dx": [["transposed", "swapped"]]}}),
    ("knet_288.py:batchnorm_backward", {"says": ["transposed"]}),
    ("batchnorm_right.py:mean_of_squares", {"inaccurate": False}),
    ("bad_citizens.py:no_such_function", {"verdict": "failed"}),
    ("bad_citizens.py:no_such_function", {"says": ["transposed"]}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "change"), PLANTED)
def test_a_wrong_expectation_is_seen(name, change):
    entry = BY_NAME[name]
    found = museum.examined(entry)
    assert museum.differences(entry, found) == []
    assert museum.differences({**entry, **change}, found) != []


# --- the entries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=list(BY_NAME))
def test_an_entry_says_what_is_needed(entry):
    assert set(entry) >= PLAIN
    assert set(entry) <= PLAIN | OPTIONAL
    assert entry["layer"] in {*layer_names(), "residual_stream.py"}
    assert entry["verdict"] in OTHER
    if entry["verdict"] == "failed":
        assert entry.keys() & {"diagnosis", "says"}
    if entry["verdict"] == "passed":
        assert "diagnosis" not in entry
    if entry["verdict"] == "refused":
        assert entry["says"]


def test_no_function_is_listed_twice_and_none_is_left_out():
    assert len(BY_NAME) == len(ENTRIES)
    written = set()
    for path in HERE.glob("*.py"):
        if path.name not in {"compare.py", "museum.py", "residual_stream.py"}:
            names = re.findall(r"^(?:def|class) ([a-zA-Z]\w*)", path.read_text("utf-8"), re.MULTILINE)
            written |= {f"{path.name}:{name}" for name in names}
    assert written - set(BY_NAME) == {"batchnorm_right.py:Gradients"}


def test_every_report_is_there_and_the_ones_that_are_no_bugs_pass():
    assert {entry["origin"] for entry in ENTRIES} == {*REPORTS, "own"}
    for report in REPORTS:
        verdicts = {entry["verdict"] for entry in ENTRIES if entry["origin"] == report}
        assert verdicts == ({"passed"} if report in NO_BUGS else {"passed", "failed"})


def test_every_layer_has_right_and_wrong_ones():
    for layer in layer_names():
        assert {entry["verdict"] for entry in ENTRIES if entry["layer"] == layer} >= {"passed", "failed"}, layer


# --- the table ---------------------------------------------------------------------------------------------------


def table():
    """The rows of the README: function, and the cells from 'it is' on."""
    text = (HERE / "README.md").read_text("utf-8")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found = re.match(r"\[\w+\]\((\w+\.py)\) (\w+)", cells[0])
        if found:
            yield f"{found[1]}:{found[2]}", cells[3:]


def test_the_table_has_every_function_that_can_be_compared_and_the_verdict_it_must_get():
    rows = dict(table())
    compared = {name for name, entry in BY_NAME.items() if entry["verdict"] != "refused"}
    left_out = {"bad_citizens.py:exits", "bad_citizens.py:hangs", "cannot_be_imported.py:batchnorm_backward"}
    assert compared - set(rows) == left_out
    assert set(rows) <= compared
    for name, (is_, said, *_) in rows.items():
        verdict = BY_NAME[name]["verdict"]
        assert (is_, said) == ({"passed": "right", "failed": "wrong"}[verdict], verdict), name


COMPARED_AGAIN = [
    "knet_288.py:batchnorm_backward",
    "liger_1375.py:weight_grad_of_the_first_axis",
    "batchnorm_wrong.py:m_minus_one_in_the_last_term",
    "batchnorm_wrong.py:epsilon_lost_in_dvar",
    "caffe_4110.py:term_dropped",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED_AGAIN)
def test_the_table_says_what_a_run_says(name):
    pytest.importorskip("torch")
    compare = importlib.import_module("compare")
    exhibit = next(one for one in compare.exhibits() if one.entry["function"] == name)
    found = [compare.cell(compare.accepted(judge, exhibit)) for judge in compare.COLUMNS.values()]
    assert dict(table())[name][2:] == found
