"""The form that is found is proved, and at least as short as the one in the literature, for the whole family."""

import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest
from family import ORDER_1, ORDER_2

from derive.closed_form import operations
from derive.derivation import Derivation
from derive.kernel import Proved

CASES = {
    **{f"order 1: {name}": layer for name, layer in ORDER_1.items()},
    **{f"order 2: {name}": layer for name, layer in ORDER_2.items()},
}
each_layer = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def derived():
    """Each derivation once."""
    found = {}

    def get(name):
        if name not in found:
            found[name] = Derivation(CASES[name])
        return found[name]

    return get


@each_layer
def test_the_found_form_is_proved_and_as_short_as_the_stated_one(name, derived):
    forms = derived(name).closed_forms
    assert [form.of for form in forms] == [claim.of for claim in CASES[name].gradients]
    assert not {str(form): form.verdict for form in forms if not isinstance(form.verdict, Proved)}
    lengths = {str(form): (operations(form.found), operations(form.stated)) for form in forms}
    assert not {form: (found, stated) for form, (found, stated) in lengths.items() if found > stated}


@each_layer
def test_every_line_on_the_way_is_proved(name, derived):
    derivation = derived(name)
    lines = [(target, line) for target, lines in derivation._lines.items() for line in lines]
    unproved = [
        f"{left} = {right}"
        for target, line in lines
        for left, right in ((target, line.value), *((one.left, one.right) for one in line.identities))
        if not isinstance(derivation.kernel.decide(left, right), Proved)
    ]
    assert not unproved
    assert all(line.rule for _, line in lines)


@each_layer
def test_the_search_is_quick(name):
    derivation = Derivation(CASES[name])
    start = process_time()
    assert derivation._lines
    assert process_time() - start < (0.3 if name.startswith("order 1") else 3)


BATCH_NORM_2 = {
    "g": "∂L/∂g_i = (h γ/√(σ² + ε)) (u_i − B x̂_i − ū)",
    "x": "∂L/∂x_i = (h/√(σ² + ε)) ((A γ/√(σ² + ε)) (B x̂_i + ū − u_i) − B d_i − q x̂_i/m)",
}


def test_the_second_derivatives_of_batch_norm(derived):
    forms = {str(form.of.base): str(form) for form in derived("order 2: batch norm").closed_forms if form.of.args}
    assert forms == BATCH_NORM_2


def test_intermediates_that_stand_in_the_way_are_written_out(derived):
    (*_, form) = derived("order 2: batch norm, staged").closed_forms
    assert not {"dσ²", "dμ"} & {symbol.name for symbol in form.found.free_symbols}
    assert "definitions put in" in {line.rule for line in derived("order 2: batch norm, staged")._lines[form.target]}


def test_the_form_does_not_depend_on_the_run():
    code = "from family import ORDER_2; from derive.derivation import Derivation; "
    code += "print(*Derivation(ORDER_2['batch norm']).closed_forms, sep='\\n')"
    here = Path(__file__).parent
    path = os.pathsep.join((str(here), str(here.parents[1])))
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            check=True,
            capture_output=True,
        ).stdout
        for seed in "1234"
    }
    assert len(runs) == 1
    assert BATCH_NORM_2["x"].encode() in runs.pop()
