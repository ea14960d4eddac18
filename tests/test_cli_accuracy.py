"""`derive-bn --accuracy` as a user runs it: formats, files, exit codes, and one sentence on what does not go."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import derive
from derive import cli
from derive.numeric import accuracy as numeric

ROOT = Path(derive.__file__).parent.parent


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line in this process, with NumPy's forms alone: frameworks take seconds to compile."""
    monkeypatch.setattr(numeric, "LIBRARIES", ())
    monkeypatch.setattr(numeric, "_native", lambda _: iter(()))
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setenv("COLUMNS", "80")

    def run_it(*arguments):
        monkeypatch.setattr(sys, "argv", ["derive-bn", "--accuracy", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run_it


def spread(text):
    """The text without line breaks."""
    return " ".join(text.split())


def test_the_table_of_a_layer(run):
    code, out, complained = run("--layer", "l2norm")
    assert (code, complained) == (0, "")
    assert out.startswith("L2 normalization: how accurate its gradients are\n")
    assert re.search(
        r"float64: the closed form is within \d\.\d machine epsilons for every κ, scale and m\.", spread(out)
    )
    assert "\n  closed form " in out
    assert "\n  staged " in out
    assert "NumPy " in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_layer_is_batchnorm_unless_another_is_named(run):
    code, out, _ = run("--format", "json", "--stable")
    found = json.loads(out)
    assert (code, found["layer"], found["verdict"], found["versions"]) == (0, "batchnorm", "passed", {})
    closed = [one for one in found["measured"] if one["form"] == "closed form"]
    assert {one["gradient"] for one in closed} == {"dx", "dγ", "dβ"}
    assert all(one["max_scaled_error"] <= 1e-15 for one in closed if one["dtype"] == "float64" and one["kappa"] <= 1)


def test_stable_runs_are_alike(run):
    first, second = (run("--layer", "weightnorm", "--stable", "--format", "markdown") for _ in range(2))
    assert first == second
    assert "SymPy" not in first[1]


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        (".png", b"\x89PNG"),
        (".svg", b"<?xml"),
        (".md", b"# L2 norm"),
        (".json", b"{"),
        (".txt", b"L2 norm"),
        (".PNG", b"\x89PNG"),
    ],
)
def test_the_ending_picks_the_format(run, tmp_path, ending, start):
    if ending.lower() in {".png", ".svg"}:
        pytest.importorskip("matplotlib")
    target = tmp_path / f"accuracy{ending}"
    assert run("--layer", "l2norm", "-o", str(target)) == (0, "", "")
    assert target.read_bytes().startswith(start)
    assert [one.name for one in tmp_path.iterdir()] == [target.name]


def test_axes(run):
    code, out, _ = run("--layer", "l2norm", "--axes", "N,D", "--stable")
    assert code == 0
    assert "L2 normalization over (N, D)" in out
    assert "m = D elements to a statistic" in spread(out)


@pytest.mark.parametrize("name", ["power.tex", "invented.py:scaled"])
def test_a_layer_of_ones_own(run, name):
    code, out, complained = run("--layer", str(ROOT / "tests/own_layers" / name), "--stable")
    assert (code, complained) == (0, "")
    assert "closed form" in out


def test_a_wrong_claim_ends_with_1_and_is_named(run):
    code, out, _ = run("--layer", f"{ROOT / 'tests/own_layers/invented.py'}:wrong", "--stable")
    assert code == 1
    assert "dx: the closed form is another function than the gradient" in spread(out)


REFUSED = [
    (("--m", "4"), "takes no --m"),
    (("--order", "2"), "takes no --order 2"),
    (("--forward-mode",), "takes no --forward-mode"),
    (("--thorough",), "takes no --thorough"),
    (("--format", "latex"), "There is no accuracy in the format 'latex'"),
    (("--format", "pdf"), "There is no accuracy in the format 'pdf'"),
    (("-o", "accuracy.tex"), "The ending of accuracy.tex names no format. Use one of .png, .svg"),
    (("-o", "no/such/folder/a.png"), "There is no folder no/such/folder"),
    (("--layer", "batchnrm"), "Did you mean 'batchnorm'?"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_what_does_not_go_together_is_said_in_one_line(run, arguments, said):
    code, out, complained = run(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"derive-bn: [^\n]*[.?]\n", complained)
    assert said in complained


def test_without_matplotlib_nothing_is_measured_first(run, monkeypatch, tmp_path):
    from derive.write import accuracy_plot

    monkeypatch.setattr(accuracy_plot, "find_spec", lambda _: None)
    monkeypatch.setattr(numeric, "measure", pytest.fail)
    code, _, complained = run("-o", str(tmp_path / "a.svg"))
    assert (code, list(tmp_path.iterdir())) == (2, [])
    said = "derive-bn: A plot needs matplotlib, which is not installed. Install it with: pip install 'derive-bn[plots]'"
    assert complained == f"{said}\n"


def test_a_file_that_is_there_is_replaced_whole(run, tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old " * 100_000)
    assert run("--layer", "l2norm", "-o", str(target))[0] == 0
    assert json.loads(target.read_text("utf-8"))["layer"] == "l2norm"


@cache
def as_a_program(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "derive", "--accuracy", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "200", "PATH": ""},
    )


@pytest.mark.slow
def test_with_every_framework_there_is():
    done = as_a_program("--layer", "l2norm")
    assert (done.returncode, done.stderr) == (0, "")
    for one, _ in numeric.LIBRARIES:
        assert one.installed == (f"\n  {one.name} (autodiff)" in done.stdout)
