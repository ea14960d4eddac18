"""The check in checks/: every layer keeps its promise, and a closed form that cancels, or is wrong, does not."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from derive import layers
from derive.derivation import derive
from derive.layers import load
from derive.layers.layer import Gradient
from derive.numeric.accuracy import Measured
from derive.numeric.multiplied_out import multiplied_out
from derive.numeric.settings import Setting

SCRIPT = Path(__file__).parent.parent.parent / "checks" / "accuracy.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="checks/ is not installed")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("accuracy_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_layer_keeps_its_promise(script, capsys):
    assert script.main() == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "κ=1e+08" in head
    assert {line.split()[0] for line in lines} == set(layers.names())


def few(script, monkeypatch):
    """A case near zero and one far from it, in both dtypes."""
    found = [Setting(dtype, kappa) for dtype in ("float64", "float32") for kappa in (1.0, 1e4)]
    monkeypatch.setattr(script, "settings", lambda: found)


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "rmsnorm", "softmax"])
def test_a_layer_as_it_is_passes(script, monkeypatch, capsys, name):
    few(script, monkeypatch)
    assert script.check(derive(name)) == 0
    assert capsys.readouterr().out.startswith(name)


def wrong(name, change):
    layer = load(name)
    *others, last = layer.gradients
    return replace(layer, gradients=(*others, Gradient(last.of, change(last.value))))


FAULTS = {
    "a factor": lambda: wrong("batchnorm", lambda value: 2 * value),
    "a relative error of 1e-12": lambda: wrong("batchnorm", lambda value: value + value / 10**12),
    "no cancelling promised": lambda: multiplied_out(load("batchnorm")),
    "overflow where none is promised": lambda: replace(load("softmax"), name="softmin"),
    "the square where it is not promised": lambda: replace(load("syncbatchnorm"), name="batchnorm"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_less_accurate_fails(script, monkeypatch, capsys, fault):
    few(script, monkeypatch)
    assert script.check(derive(FAULTS[fault]())) > 0
    assert "machine epsilons, more than" in capsys.readouterr().out


def test_nothing_measured_fails(script):
    assert list(script.failures("batchnorm", [])) == [
        "nothing was measured in float64",
        "nothing was measured in float32",
    ]


def test_no_number_fails_unless_a_whole_error_is_allowed(script):
    def failing(name, kappa):
        one = Measured("closed form", "x", Setting(kappa=kappa), 1, float("nan"), float("nan"))
        other = Measured("closed form", "x", Setting("float32"), 1, 1e-8, 1e-8)
        return len(list(script.failures(name, [one, other])))

    assert failing("batchnorm", 1e6) == 1
    assert failing("syncbatchnorm", 1e6) == 1
    assert failing("syncbatchnorm", 1e8) == 0
    assert failing("softmax", 1e2) == 1
    assert failing("softmax", 1e4) == 0
