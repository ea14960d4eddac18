"""`derive-bn test`: what it prints, its exit codes, and bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parent / "testing" / "functions.py"


def run(*arguments):
    command = [sys.executable, "-m", "derive", "test", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def of(name):
    return f"{FUNCTIONS}:{name}"


def test_a_right_function_passes():
    done = run(of("softmax"), "--layer", "softmax")
    assert (done.returncode, done.stderr) == (0, "")
    assert "✓ dx: right" in done.stdout
    assert done.stdout.endswith("passed: 1 of 1 gradients right\n")


def test_a_wrong_function_fails():
    done = run(of("gamma_forgotten"), "--layer", "batchnorm")
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ dx: wrong" in done.stdout


def test_json_has_the_shape_of_the_contract(tmp_path):
    done = run(of("gamma_forgotten"), "--layer", "batchnorm", "--format", "json")
    data = json.loads(done.stdout)
    assert {"function", "layer", "outputs", "verdict"} <= data.keys()
    assert data["verdict"] == "failed"
    (dx, *others) = data["outputs"]
    assert {"name", "passed", "max_relative_error", "failing", "diagnosis"} <= dx.keys()
    assert {"condition", "error"} <= dx["failing"][0].keys()
    assert [(one["name"], one["passed"]) for one in others] == [("dgamma", True), ("dbeta", True)]
    file = tmp_path / "found.json"
    assert run(of("gamma_forgotten"), "--layer", "batchnorm", "-o", file).stdout == ""
    assert json.loads(file.read_text()) == data


def test_what_a_function_prints_does_not_mix_with_the_json():
    done = run(of("prints_past_python"), "--layer", "softmax", "--format", "json")
    assert "from below" in json.loads(done.stdout)["problems"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("softmax",), "'softmax' names no function. Write FILE.py:FUNCTION or MODULE:FUNCTION."),
        (("no_such_file.py:f",), "There is no file no_such_file.py. Check the path."),
        (("no_such_module:f",), "There is no module no_such_module."),
        (("norms.txt/x:f",), "norms.txt/x is no Python file."),
        ((of("softmix"), "--layer", "softmax"), "but there is softmax. Check the name."),
        ((of("softmax"), "--layer", "softmix"), "There is no layer 'softmix'. Did you mean 'softmax'?"),
        ((of("softmax"), "--layer", "softmax", "--map", "probs"), "'probs' maps nothing. Write --map NAME=WHAT"),
        ((of("softmax"), "--layer", "softmax", "--axes", "N,C,1"), "The axis '1' is not a letter or a word."),
        (
            (of("softmax"), "--layer", "softmax", "--framework", "numby"),
            "There is no framework 'numby'. Did you mean 'numpy'?",
        ),
        ((of("softmax"), "--layer", "softmax", "-o", "no/such/x.json"), "There is no folder"),
        ((of("softmax"), "--layer", "softmax", "-o", "x.pdf"), "names no format"),
        ((of("unknown_parameter"), "--layer", "softmax"), "'frobnicate' matches nothing of softmax"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
