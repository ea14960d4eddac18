"""`derive-bn check` as a user runs it: exit codes, formats, files, folders, standard input, errors in one sentence."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

import derive
from derive import cli
from derive.write.wrap import columns

ROOT = Path(derive.__file__).parent.parent
MEAN = r"\[ \mu = \frac{1}{m} \sum_{k=1}^m x_k \]"
RIGHT = MEAN + "\n" + r"\[ \frac{\partial \mu}{\partial x_i} = \frac{1}{m} \]"
WRONG = MEAN + "\n" + r"\[ \frac{\partial \mu}{\partial x_i} = \frac{2}{m} \]"
OPEN = MEAN + "\n" + r"\[ \frac{\partial \mu}{\partial x_i} = \frac{1}{N} \]"
UNREADABLE = MEAN + "\n" + r"\[ x = \frac{1} \]"
UPSTREAM = r"\[ \frac{\partial L}{\partial \gamma} = \sum_{i=1}^m \frac{\partial L}{\partial y_i} \hat{x}_i \]"
CONTENT = {
    "right.tex": RIGHT,
    "wrong.tex": WRONG,
    "open.tex": OPEN,
    "unreadable.tex": UNREADABLE,
    "empty.tex": "Nothing here.",
    "upstream.md": UPSTREAM,
    "matches.tex": WRONG,
    "matches.expected.toml": "\n".join(
        f'[[equation]]\nline = {line}\nverdict = "{verdict}"' for line, verdict in ((1, "definition"), (2, "refuted"))
    ),
    "differs.tex": RIGHT,
    "differs.expected.toml": "\n".join(
        f'[[equation]]\nline = {line}\nverdict = "{verdict}"' for line, verdict in ((1, "definition"), (2, "refuted"))
    ),
    "broken.tex": RIGHT,
    "broken.expected.toml": "[[",
    "folder/a.tex": RIGHT,
    "folder/b.md": WRONG,
    "folder/deep/c.tex": OPEN,
    "none/readme.rst": RIGHT,
    "notebook.ipynb": "{",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder


def environment(**more):
    kept = {name: one for name, one in os.environ.items() if name not in {"FORCE_COLOR", "NO_COLOR", "COLUMNS"}}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **more}


def check(place, *arguments, given="", **more):
    """A run in this process, where SymPy is loaded already."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(**more), clear=True),
        mock.patch.object(sys, "argv", ["derive-bn", "check", *arguments]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")),
        mock.patch.object(gc, "disable"),
        contextlib.chdir(place),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    err.flush()
    printed, complained = (stream.buffer.getvalue().decode() for stream in (out, err))
    return SimpleNamespace(returncode=ended.value.code, stdout=printed, stderr=complained)


def run(place, *arguments, given=None, **more):
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "derive", "check", *arguments],
        env=environment(**more),
        cwd=place,
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


CODES = [
    (["right.tex"], 0),
    (["empty.tex"], 0),
    (["wrong.tex"], 1),
    (["open.tex"], 3),
    (["unreadable.tex"], 3),
    (["open.tex", "--given", "N = m"], 0),
    (["upstream.md"], 3),
    (["upstream.md", "--layer", "batchnorm"], 0),
    (["matches.tex"], 0),
    (["differs.tex"], 1),
    (["broken.tex"], 2),
    (["missing.tex"], 2),
    (["notebook.ipynb"], 2),
    (["none"], 2),
    (["folder"], 1),
    (["right.tex", "open.tex"], 3),
    (["right.tex", "wrong.tex", "open.tex", "missing.tex"], 1),
    (["open.tex", "missing.tex"], 2),
    (["matches.tex", "wrong.tex"], 1),
    (["right.tex", "--format", "jsn"], 2),
    (["right.tex", "--layer", "batchnrom"], 2),
    (["right.tex", "--given", "N"], 2),
    (["right.tex", "--given", "= m"], 2),
    (["right.tex", "--given", ""], 2),
    (["right.tex", "-o", "gone/x.json"], 2),
    ([], 2),
    ([""], 2),
    (["--bogus", "right.tex"], 2),
]


@pytest.mark.parametrize(("arguments", "code"), CODES, ids=lambda one: " ".join(one) if isinstance(one, list) else None)
def test_exit_codes(place, arguments, code):
    done = check(place, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "bug of derive-bn" not in done.stdout + done.stderr


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize(("name", "code"), [("right.tex", 0), ("wrong.tex", 1), ("missing.tex", 2), ("open.tex", 3)])
def test_the_format_never_changes_the_exit_code(place, name, code, form):
    assert check(place, name, "--format", form).returncode == code


ERRORS = [
    (["none"], "no document in none"),
    (["right.tex", "--layer", "batchnrom"], "batchnorm"),
    (["right.tex", "--format", "jsn"], "Did you mean 'json'?"),
    (["right.tex", "--format", "serif"], "Did you mean 'sarif'?"),
    (["right.tex", "--given", "N"], "="),
    (["right.tex", "-o", "folder"], "is a folder"),
    (["right.tex", "-o", "gone/x.json"], "no folder gone"),
    ([], "FILE"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), ERRORS, ids=lambda one: " ".join(one) if isinstance(one, list) else None
)
def test_a_wrong_request_is_one_sentence_on_standard_error(place, arguments, words):
    done = check(place, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"derive-bn: [^\n]+\n", done.stderr), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("name", ["missing.tex", "notebook.ipynb", "broken.tex"])
def test_other_files_are_still_checked(place, name):
    data = json.loads(check(place, "right.tex", name, "wrong.tex", "--format", "json").stdout)
    assert [one["path"] for one in data["files"]] == ["right.tex", name, "wrong.tex"]
    assert [one["verdict"] for one in data["files"]] == ["nothing wrong", "error", "refuted"]
    assert name.partition(".")[0] in data["files"][1]["error"]
    assert data["verdict"] == "refuted"


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_a_missing_file_is_told_on_standard_error_where_the_output_is_for_programs(place, form):
    done = check(place, "missing.tex", "--format", form)
    assert re.fullmatch(r"derive-bn: missing\.tex: [^\n]+\n", done.stderr), done.stderr


def test_standard_input(place):
    done = check(place, "-", "--format", "json", given=WRONG)
    assert done.returncode == 1
    (file,) = json.loads(done.stdout)["files"]
    assert file["summary"] == {"definition": 1, "refuted": 1}


def test_a_process_of_its_own_says_the_same(place):
    arguments = ["-", "wrong.tex", "missing.tex", "--format", "json"]
    inside, outside = check(place, *arguments, given=OPEN), run(place, *arguments, given=OPEN)
    assert (inside.returncode, inside.stdout, inside.stderr) == (outside.returncode, outside.stdout, outside.stderr)


def test_standard_input_beside_files(place):
    data = json.loads(check(place, "right.tex", "-", "open.tex", "--format", "json", given=WRONG).stdout)
    assert [one["verdict"] for one in data["files"]] == ["nothing wrong", "refuted", "undecided"]


def test_a_folder_is_checked_in_order(place):
    data = json.loads(check(place, "folder", "right.tex", "--format", "json").stdout)
    paths = [one["path"].replace("\\", "/") for one in data["files"]]
    assert paths == ["folder/a.tex", "folder/b.md", "folder/deep/c.tex", "right.tex"]


NONE = type(None)
KEYS = {
    "line": int,
    "column": int,
    "latex": str,
    "left": str,
    "right": str,
    "verdict": str,
    "scope": (str, NONE),
    "reading": (str, NONE),
    "assumptions": list,
    "used": list,
    "counterexample": (dict, NONE),
    "correct": (dict, NONE),
    "repair": (dict, NONE),
    "reason": (str, NONE),
}


def test_json_keeps_the_contract(place):
    done = check(place, "right.tex", "wrong.tex", "open.tex", "unreadable.tex", "--format", "json")
    data = json.loads(done.stdout, parse_constant=pytest.fail)
    assert set(data) >= {"files", "verdict"}
    for file in data["files"]:
        assert set(file) >= {"path", "equations", "summary"}
        assert sum(file["summary"].values()) == len(file["equations"])
        for one in file["equations"]:
            assert set(KEYS) <= set(one)
            assert [key for key, kind in KEYS.items() if not isinstance(one[key], kind)] == []
            assert file["summary"][one["verdict"]] >= 1
    wrong = data["files"][1]["equations"][1]
    assert set(wrong["counterexample"]) == {"sizes", "values", "left", "right"}
    assert wrong["correct"] == {"latex": r"\frac{1}{m}", "text": "1/m"}
    assert set(wrong["repair"]) >= {"edit", "latex"}
    assert (wrong["line"], wrong["column"]) == (2, 4)
    assert "holds if N = m" in data["files"][2]["equations"][1]["reason"]


def test_one_entry_for_each_equals_sign(place, tmp_path):
    path = tmp_path / "chain.tex"
    path.write_text(MEAN + "\n" + r"\[ \sum_k x_k = m \mu = \mu m = 2 m \mu - m \mu \]", "utf-8")
    data = json.loads(check(place, str(path), "--format", "json").stdout)
    assert [one["verdict"] for one in data["files"][0]["equations"]] == ["definition", "proved", "proved", "proved"]


@pytest.mark.parametrize("form", ["sarif", "github"])
def test_findings_of_a_run(place, form):
    said = check(place, "right.tex", "wrong.tex", "open.tex", "differs.tex", "--format", form).stdout
    if form == "sarif":
        (run,) = json.loads(said)["runs"]
        assert [one["ruleId"] for one in run["results"]] == ["refuted", "undecided", "expected"]
        assert run["tool"]["driver"]["version"] == derive.__version__
    else:
        assert [line.partition(",")[0] for line in said.splitlines()] == [
            "::error file=wrong.tex",
            "::warning file=open.tex",
            "::error file=differs.tex",
        ]


@pytest.mark.parametrize("width", [80, 200])
def test_text_in_a_pipe_is_plain_and_fits(place, width):
    done = check(place, "wrong.tex", "open.tex", "unreadable.tex", COLUMNS=str(width))
    assert "\x1b" not in done.stdout
    assert [line for line in done.stdout.splitlines() if columns(line) > width] == []
    for word in ("✗ refuted", "counterexample: ", "? undecided", "! unreadable", "right: ∂μ/∂x_i = 1/m"):
        assert word in done.stdout


def test_the_sidecar_is_compared(place):
    same, other = check(place, "matches.tex"), check(place, "differs.tex")
    assert same.stdout.splitlines()[-1] == "matches.tex: 1 definition, 1 refuted; all as expected"
    assert other.stdout.splitlines()[-2:] == [
        "differs.tex: 1 definition, 1 proved; not as expected:",
        "    line 2: proved, expected refuted: ∂μ/∂x_i = 1/m",
    ]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_a_whole_file_is_written(place, tmp_path, form):
    target = tmp_path / "out"
    target.write_text("old")
    done = check(place, "wrong.tex", "--format", form, "-o", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert list(tmp_path.iterdir()) == [target]
    printed = check(place, "wrong.tex", "--format", form, COLUMNS="100").stdout
    assert target.read_text("utf-8") == printed


ENDS = [("x.json", lambda text: json.loads(text)["files"]), ("x.txt", lambda text: "refuted" in text)]


@pytest.mark.parametrize(("name", "fits"), ENDS)
def test_the_ending_picks_the_format(place, tmp_path, name, fits):
    """`-o x.json` picks the format by its ending, as it does for a derivation."""
    target = tmp_path / name
    assert check(place, "wrong.tex", "-o", str(target)).returncode == 1
    assert fits(target.read_text("utf-8"))


def test_an_error_leaves_the_old_file(place, tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old")
    assert check(place, "none", "-o", str(target), "--format", "json").returncode == 2
    assert target.read_text() == "old"


@pytest.mark.parametrize("form", ["text", "json"])
def test_two_runs_say_the_same(place, form):
    runs = [run(place, "folder", "--format", form, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")]
    assert runs[0] == runs[1]


def test_the_corpus_is_as_expected_from_the_command_line(place):
    done = check(ROOT, "checks/wrong/sign.tex", "checks/softmax.tex", "checks/notebook.ipynb")
    assert done.returncode == 0
    assert done.stdout.count("all as expected") == 3
