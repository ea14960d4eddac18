"""The command line contract, run as a user runs it: exit codes, one sentence on errors, whole files, plain pipes."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import isclose, sqrt
from pathlib import Path
from unittest import mock

import pytest

import derive
from derive import cli
from derive.errors import OutputError
from derive.report import report
from derive.write.wrap import columns

ROOT = Path(derive.__file__).parent.parent
PLAIN = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "PYTHONPATH"}
LONGEST_WAIT = 120


def environment(root=ROOT, **more):
    """The caller's, without what changes the output; `derive` is found in a checkout and where it is installed."""
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    return {**kept, "PYTHONPATH": str(root), "PYTHONUTF8": "1", **more}


def run(*arguments, root=ROOT, cwd=None, before=("-m", "derive"), **more):
    return subprocess.run(
        [sys.executable, *before, *arguments],
        env=environment(root, **more),
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=LONGEST_WAIT,
    )


@cache
def said(*arguments, **more):
    """What a run that succeeds prints. In this process, because SymPy is loaded already; each one is done once."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(**more), clear=True),
        mock.patch.object(sys, "argv", ["derive-bn", *arguments]),
        mock.patch.object(gc, "disable"),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    printed, complained = (stream.buffer.getvalue().decode() for stream in (out, err))
    assert (ended.value.code, complained) == (0, "")
    return printed


def is_one_sentence(done, code=2):
    """One line on standard error that says what is wrong and what to do, and nothing else anywhere."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    # click closes the terminal's ^C with an empty line.
    assert re.fullmatch(r"\n?derive-bn: [^\n]*[.?)]\n" if code == 130 else r"derive-bn: [^\n]*[.?)]\n", done.stderr)
    assert done.stdout == ""
    return True


# --- bad input ---------------------------------------------------------------------------------------------------

WRONG = [
    (["--m", "0"], "m = 0"),
    (["--m", "-3"], "m = -3"),
    (["--m=-3"], "m = -3"),
    (["--m", "4.5"], "4.5 is not a whole number"),
    (["--m", "abc"], "abc"),
    (["--m", "10**9"], "10**9"),
    (["--m", "1000000000"], "m = 1000000000"),
    (["--m", "9" * 5000], "m = 999"),
    (["--m", ""], "whole number"),
    (["--m", "a\nb"], "whole number"),
    (["--m"], "requires an argument"),
    (["--layer", "batchnrm"], "Did you mean 'batchnorm'?"),
    (["--layer", "BatchNorm"], "Did you mean 'batchnorm'?"),
    (["--layer", "../batchnorm"], "../batchnorm"),
    (["--layer", "qqq"], "The layers are: batchnorm"),
    (["--layer", "layer"], "There is no layer 'layer'"),
    (["--layer", ""], "There is no layer"),
    (["--layer", "a\nb"], "There is no layer"),
    (["--layer"], "requires an argument"),
    (["--format", "jsn"], "Did you mean 'json'?"),
    (["--format", "JSON"], "Did you mean 'json'?"),
    (["--format", "qqq"], "text, json, latex, markdown"),
    (["--format"], "requires an argument"),
    (["--format", "pdf"], "-o"),
    (["-o", "missing/x.json"], "missing"),
    (["-o", "x.foo"], ".json"),
    (["-o", "x"], ".json"),
    (["-o", ""], "is a folder"),
    (["-o", "folder.json"], "folder"),
    (["-o", "folder.json/"], "folder"),
    (["-o", "file.txt/x.json"], "file.txt"),
    (["-o", f"{'a' * 300}.json"], "can't be written"),
    (["-o"], "requires an argument"),
    (["--bogus"], "--bogus"),
    (["--versio"], "--version"),
    (["-x"], "-x"),
    (["bogus"], "No such command"),
    (["layerz"], "layers"),
    (["layers", "more"], "more"),
    (["layers", "--format", "jsn"], "json"),
    (["layers", "--m", "4"], "--m"),
    (["--m", "4", "--m"], "requires an argument"),
    (["--stable=1"], "--stable"),
]


@pytest.mark.parametrize(("arguments", "hint"), WRONG, ids=[" ".join(row[0])[:24] or "empty" for row in WRONG])
def test_wrong_input_ends_with_one_sentence_and_leaves_nothing(tmp_path, arguments, hint):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file.txt").write_text("kept")
    done = run(*arguments, cwd=tmp_path)
    assert is_one_sentence(done)
    assert hint in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file.txt", "folder.json"]


# Run as a user who may write nothing: root gives its rights up once everything light is imported.
UNPRIVILEGED = """
import os, sys
import derive.cli, derive.errors, derive.own_layers
derive.own_layers.check_name = str
if os.geteuid() == 0:
    os.setuid(65534)
sys.argv = ["derive-bn", *sys.argv[1:]]
derive.cli.main()
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
@pytest.mark.parametrize("target", ["locked/x.json", "read_only.json", "secret/inner/x.json", "secret/x.json"])
def test_permission_denied_ends_with_one_sentence(target):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "locked").mkdir(mode=0o555)
        (place / "secret" / "inner").mkdir(parents=True)
        (place / "secret").chmod(0o000)
        (place / "read_only.json").write_text("kept")
        (place / "read_only.json").chmod(0o444)
        done = run(str(place / target), before=("-c", UNPRIVILEGED, "-o"), cwd="/")
        assert (place / "read_only.json").read_text() == "kept"
        (place / "secret").chmod(0o700)
        left = sorted(path.name for path in place.rglob("*.json*"))
    assert is_one_sentence(done)
    assert left == ["read_only.json"]


# --- exit codes --------------------------------------------------------------------------------------------------

# What is wrong, the text in layers/batchnorm.py, what it becomes, the gradients that are refuted then.
PLANTED = [
    ("γ lost", "gamma / (m * sqrt(var + eps)) * (m", "1 / (m * sqrt(var + eps)) * (m", {"x"}),
    ("m lost", "gamma / (m * sqrt(var + eps)) * (m", "gamma / sqrt(var + eps) * (m", {"x"}),
    ("root lost", "gamma / (m * sqrt(var + eps)) * (m", "gamma / (m * (var + eps)) * (m", {"x"}),
    ("sign", "- xhat[i] * total", "+ xhat[i] * total", {"x"}),
    ("statistics held constant", " - total(g[j], j, m) - xhat[i] * total(g[j] * xhat[j], j, m)", "", {"x"}),
    ("x for x̂ in dγ", "(gamma, total(g[j] * xhat[j], j, m))", "(gamma, total(g[j] * x[j], j, m))", {"γ"}),
    ("mean for sum in dβ", "Gradient(beta, total(g[j], j, m))", "Gradient(beta, total(g[j], j, m) / m)", {"β"}),
    ("another forward pass", "mean((x[j] - mu) ** 2, j, m)", "mean(x[j] ** 2, j, m)", {"x"}),
    ("ε outside the root", "(x[i] - mu) / sqrt(var + eps)", "(x[i] - mu) / (sqrt(var) + eps)", {"x"}),
]  # fmt: skip


def planted(folder, old, new):
    """A copy of the package with one change in batch norm; the folder to put on the path."""
    package = folder / "derive"
    shutil.copytree(Path(derive.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    layer = package / "layers" / "batchnorm.py"
    source = layer.read_text("utf-8")
    assert source.count(old) == 1
    layer.write_text(source.replace(old, new), "utf-8")
    return folder


@pytest.mark.parametrize(("old", "new", "wrong"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_a_wrong_layer_is_refuted_with_a_counterexample(tmp_path, old, new, wrong):
    root = planted(tmp_path, old, new)
    done = run("--m", "3", "--format", "json", root=root, cwd=root)
    assert (done.returncode, done.stderr) == (1, "")
    data = json.loads(done.stdout)
    assert data["verdict"] == "refuted"
    forms = {name.removeprefix("d"): form for name, form in data["closed_form"].items()}
    assert {name for name, form in forms.items() if form["verdict"] == "refuted"} == wrong
    assert {name for name, form in forms.items() if form["verdict"] == "proved"} == set(forms) - wrong
    for name in wrong:
        example = forms[name]["counterexample"]
        assert example["left"] != example["right"]
        assert example["values"]
        assert example["sizes"]["m"] >= 1
    assert {step["verdict"] for step in data["steps"]} == {"proved"}, "the chain rule itself is right"
    if old != PLANTED[0][1]:
        return
    text = run("--m", "3", root=root, cwd=root, COLUMNS="200")
    assert (text.returncode, text.stderr) == (1, "")
    assert text.stdout.rstrip().splitlines()[-1].startswith("✗ batchnorm: something is refuted")
    assert "every step is proved" not in text.stdout
    for name in wrong:
        example = forms[name]["counterexample"]
        words = re.sub(r"[│\s]+", " ", text.stdout)
        assert f"left {example['left']}, right {example['right']}" in words
        assert re.search(rf"∂L/∂{name}\S*: refuted; counterexample: ", words)


def test_the_left_side_of_a_counterexample_is_the_true_gradient(tmp_path):
    root = planted(tmp_path, *PLANTED[4][1:3])
    data = json.loads(run("--format", "json", root=root, cwd=root).stdout)
    example = data["closed_form"]["dx"]["counterexample"]
    values = {name: float(Fraction(value)) for name, value in example["values"].items()}
    m, i = (example["sizes"][name] for name in "mi")
    x, g = ([values.get(f"{name}_{k}", 0.0) for k in range(1, m + 1)] for name in "xg")
    mu = sum(x) / m
    root_ = sqrt(sum((one - mu) ** 2 for one in x) / m + values["ε"])
    hat = [(one - mu) / root_ for one in x]
    true = values["γ"] / root_ * (g[i - 1] - sum(g) / m - hat[i - 1] * sum(map(float.__mul__, g, hat)) / m)
    assert isclose(true, float(Fraction(example["left"])), abs_tol=1e-12)
    assert not isclose(true, float(Fraction(example["right"])), abs_tol=1e-6)


VERDICTS = [("proved", 0), ("refuted", 1), ("failed", 1), ("undecided", 3)]
FORMS = ("text", "json", "latex", "markdown")


@cache
def proved_report():
    return report(derive.derive("batchnorm", 3))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("verdict", "code"), VERDICTS)
def test_the_exit_code_is_the_verdicts_whatever_the_format(monkeypatch, capsys, verdict, code, form):
    """A stub report: no layer of the project is undecided."""
    monkeypatch.setattr(cli.derivation, "_derive", lambda _: replace(proved_report(), verdict=verdict))
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setattr(sys, "argv", ["derive-bn", "--format", form])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == ""


def test_a_claim_outside_the_kernels_class_is_undecided(tmp_path):
    """True, but with |γ|: exit code 3, and nothing looks like a proof of it."""
    old, new = "Gradient(beta, total(g[j], j, m))", "Gradient(beta, total(g[j], j, m) + Abs(gamma) - sqrt(gamma**2))"
    root = planted(tmp_path, old, new)
    layer = tmp_path / "derive" / "layers" / "batchnorm.py"
    layer.write_text(layer.read_text("utf-8").replace("import sqrt", "import Abs, sqrt"), "utf-8")
    done = run("--format", "json", root=root, cwd=root)
    data = json.loads(done.stdout)
    assert (done.returncode, done.stderr, data["verdict"]) == (3, "", "undecided")
    assert data["closed_form"]["dβ"]["verdict"] == "undecided"
    assert data["closed_form"]["dβ"]["reason"]
    text = run(root=root, cwd=root, COLUMNS="200")
    assert text.returncode == 3
    assert text.stdout.splitlines()[-1].startswith("? batchnorm: nothing is refuted, but not everything is decided")
    assert "every step is proved" not in text.stdout


# --- pipes and signals -------------------------------------------------------------------------------------------

PRINTING = [["--m", "4"], ["--m", "4", "--format", "json"], ["--format", "latex"], ["layers"]]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_closed_pipe_is_one_sentence_and_141(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "derive", *arguments]
    try:
        done = subprocess.run(
            command, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    finally:
        os.close(writing)
    assert done.returncode == 141, done.stderr
    assert re.fullmatch(r"derive-bn: [^\n]*pipe[^\n]*\.\n", done.stderr), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", PRINTING[:2], ids=" ".join)
def test_a_full_disk_is_one_sentence(arguments):
    command = [sys.executable, "-m", "derive", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert "Traceback" not in done.stderr
    assert re.fullmatch(r"derive-bn: [^\n]+\n", done.stderr), done.stderr
    assert done.returncode == 2, "1 would say that something is refuted"


@pytest.mark.skipif(not shutil.which("head"), reason="needs head")
def test_head_gets_its_line():
    with subprocess.Popen([sys.executable, "-m", "derive", "--m", "4"], env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as ours:  # fmt: skip
        command = [str(shutil.which("head")), "-1"]
        head = subprocess.run(command, stdin=ours.stdout, capture_output=True, check=True)
        ours.stdout.close()
        complained = ours.stderr.read()
    assert head.stdout.decode().startswith("Batch normalization")
    assert ours.returncode in {0, 141}, "0 where all of it fits into the pipe"
    assert b"Traceback" not in complained


# The signal comes a given time after the command line has started, wherever it is then.
INTERRUPTED = """
import os, signal, sys, threading
import derive.cli
threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
sys.argv = ["derive-bn", *sys.argv[2:]]
derive.cli.main()
"""


@pytest.mark.parametrize("after", ["0.02", "0.15", "0.3", "0.45"])
def test_ctrl_c_is_one_sentence_and_130(tmp_path, after):
    done = run("--m", "16", "--thorough", "-o", "x.json", before=("-c", INTERRUPTED, after), cwd=tmp_path)
    assert is_one_sentence(done, 130)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_the_keyboard():
    """The same to the program itself, as soon as it says that it is at work."""
    program = (
        "import sys, time, derive.cli as cli\n"
        "cli.derivation._derive = lambda ask: (print('at work', flush=True), time.sleep(60))\n"
        "sys.argv = ['derive-bn', '--m', '4']\n"
        "cli.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout.readline() == "at work\n"
        started.send_signal(signal.SIGINT)
        said_, complained = started.communicate(timeout=30)
    assert (started.returncode, said_) == (130, "")
    assert complained.lstrip("\n") == "derive-bn: Interrupted. Nothing was written.\n"


# --- start-up ----------------------------------------------------------------------------------------------------

AT_ONCE = [
    ["--help"],
    ["-h"],
    ["layers", "--help"],
    ["--bogus"],
    ["--m", "0"],
    ["--layer", "batchnrm"],
    ["--format", "jsn"],
    ["--format", "pdf"],
    ["-o", "missing/x.json"],
]


@pytest.mark.parametrize("arguments", AT_ONCE, ids=" ".join)
def test_help_and_usage_errors_import_nothing_heavy(tmp_path, arguments):
    done = run(*arguments, before=("-X", "importtime", "-m", "derive"), cwd=tmp_path)
    imported = {line.split("|")[-1].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "click" in imported
    assert not imported & {"sympy", "numpy", "mpmath", "rich"}


def test_help_shows_examples_options_and_exit_codes():
    found = said("--help")
    for word in ("derive-bn --m 4", "--layer", "--format", "--output", "--stable", "layers", "Exit codes"):
        assert word in found
    assert found == said("-h")


def test_version():
    done = run("--version")
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"derive-bn,? (version )?{re.escape(derive.__version__)}\n", done.stdout)


def test_layers_as_text_and_json_say_the_same():
    text, data = said("layers"), json.loads(said("layers", "--format", "json"))
    flowing = " ".join(text.split())
    assert [entry["name"] for entry in data] == list(derive.layers.names())
    for entry in data:
        assert f"{entry['name']} – {entry['title']}\n" in text
        assert len(entry["forward"]) >= 1
        assert len(entry["closed_form"]) >= 1
        for formula in (*entry["forward"], *entry["closed_form"]):
            assert set(formula) == {"latex", "text"}
            assert formula["text"] in flowing


@cache
def stable(form):
    """A report that is the same in every run; 100 columns are what a text file has."""
    return said("--m", "3", "--stable", "--format", form, COLUMNS="100")


# --- files -------------------------------------------------------------------------------------------------------

ENDINGS = [(".txt", "text"), (".json", "json"), (".tex", "latex"), (".md", "markdown"), (".JSON", "json")]


@pytest.mark.parametrize(("ending", "form"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_the_ending_picks_the_format_and_the_file_is_whole(tmp_path, ending, form):
    target = tmp_path / f"report{ending}"
    target.write_text("old")
    done = run("--m", "3", "--stable", "-o", target.name, cwd=tmp_path, PYTHONHASHSEED="2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes().decode() == stable(form), "another run, another hash seed, another place: the same bytes"


def test_format_wins_over_the_ending(tmp_path):
    done = run("--stable", "--format", "json", "-o", "x.md", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "x.md").read_text("utf-8"))["verdict"] == "proved"


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("latexmk", "pdflatex", "tectonic"))), reason="no TeX is installed")
def test_a_pdf_is_whole(tmp_path):
    done = run("--m", "3", "-o", "x.pdf", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pdf"]
    content = (tmp_path / "x.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize(
    "arguments", [["--m", "0"], ["--layer", "qqq"], ["--format", "jsn"], ["--bogus"]], ids=" ".join
)
def test_an_error_leaves_the_old_file(tmp_path, arguments):
    target = tmp_path / "x.json"
    target.write_text("old")
    assert is_one_sentence(run(*arguments, "-o", str(target), cwd=tmp_path))
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


FAILURES = [OSError(28, "No space left on device"), KeyboardInterrupt()]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failure, method):
    target = tmp_path / "x.json"
    target.write_text("old")
    write = Path.write_bytes

    def fail(self, *arguments, **options):
        if method == "write_bytes":
            write(self, *arguments, **options)
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, fail)
        with pytest.raises((OutputError, KeyboardInterrupt)):
            cli.output.replace(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_something_that_is_no_file_is_not_replaced(tmp_path):
    """-o /dev/null must never put a file where the device was."""
    target = tmp_path / "pipe.json"
    os.mkfifo(target)
    reading = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = run("-o", str(target), cwd=tmp_path)
    finally:
        os.close(reading)
    assert done.returncode in {0, 2}
    assert stat.S_ISFIFO(target.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    done = run("--stable", "-o", str(link), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert link.is_symlink()
    assert json.loads(target.read_text("utf-8"))["layer"] == "batchnorm"


# --- the look of it ----------------------------------------------------------------------------------------------


PRINTED = [(["--m", "4"], 80), (["--m", "4"], 120), (["--m", "4"], 200), ([], 80), (["--m", "8"], 100)]
LISTED = [(["layers"], 80), (["--help"], 80), (["layers", "--help"], 80)]


@pytest.mark.parametrize(("arguments", "width"), [*PRINTED, *LISTED], ids=str)
def test_piped_text_is_plain_and_fits(arguments, width):
    found = said(*arguments, COLUMNS=str(width))
    assert "\x1b" not in found
    lines = found.split("\n")
    assert lines.pop() == ""
    assert [line for line in lines if line != line.rstrip()] == []
    assert [line for line in lines if columns(line) > width] == []


@pytest.mark.parametrize("form", FORMS)
def test_every_format_ends_in_one_newline_and_has_no_trailing_space(form):
    found = stable(form)
    assert found.endswith("\n")
    assert not found.endswith("\n\n")
    assert not re.search(r"[ \t]$", found, re.MULTILINE)
    assert "\x1b" not in found


def on_a_terminal(**more):
    """What the program writes to a terminal 100 columns wide."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "derive", "--m", "3"]
    started = subprocess.Popen(
        command, env=environment(TERM="xterm-256color", COLUMNS="100", **more), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    found = b""
    try:
        while select.select([ours], [], [], LONGEST_WAIT)[0]:
            piece = os.read(ours, 65536)
            if not piece:
                break
            found += piece
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
    assert started.wait(LONGEST_WAIT) == 0
    return found.decode().replace("\r\n", "\n")


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;5;\d+)(?:;\d+)*m")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="POSIX terminals")
def test_colour_on_a_terminal_and_none_with_no_color():
    coloured, plain = on_a_terminal(), on_a_terminal(NO_COLOR="1")
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    without_times = [re.sub(r" *[\d.]+ ms", "", ESCAPE.sub("", one)) for one in (coloured, plain)]
    assert [line.rstrip() for line in without_times[0].splitlines()][:80] == [
        line.rstrip() for line in without_times[1].splitlines()
    ][:80]


ENCODINGS = [("text", "ascii"), ("text", "latin-1"), ("json", "ascii"), ("json", "latin-1"), ("markdown", "ascii")]


@pytest.mark.parametrize(("form", "encoding"), ENCODINGS)
def test_a_small_encoding_does_not_stop_it(form, encoding):
    """What the encoding lacks is escaped, or UTF-8 where click finds the encoding too small; JSON can be read."""
    command = [sys.executable, "-m", "derive", "--format", form]
    done = subprocess.run(
        command, env=environment(PYTHONIOENCODING=encoding, PYTHONUTF8="0"), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    try:
        found = done.stdout.decode(encoding)
    except UnicodeDecodeError:
        found = done.stdout.decode()
    assert "proved" in found
    if form == "json":
        assert json.loads(found)["closed_form"]["dβ"]["text"] == "Σ_i g_i"


@pytest.mark.parametrize("width", ["0", "1", "20", "abc"])
def test_a_strange_width_does_not_stop_it(width):
    assert "proved" in re.sub(r"\s", "", said("--m", "2", COLUMNS=width))


# --- what it says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 16, 17, 100_000])
def test_every_batch_size_is_answered(m):
    data = json.loads(said("--m", str(m), "--format", "json"), parse_constant=pytest.fail)
    assert (data["m"], data["verdict"]) == (m, "proved")
    spelled = next(check for check in data["checks"] if "SymPy" in check["name"])
    if m <= 16:
        assert (spelled["verdict"], spelled["detail"]) == ("proved", f"m = {m}, all {m + 2} elements")
    else:
        assert spelled["verdict"] is None
        assert spelled["detail"].startswith(f"not taken: m = {m} is above")


def test_the_text_says_which_route_was_not_taken():
    text = re.sub(r"\s+", " ", said("--m", "1000", COLUMNS="200"))
    assert "not taken: m = 1000 is above 16; the proofs above hold for every m" in text
    assert "every step is proved for every m" in text


def test_without_m_it_is_for_every_m():
    data = json.loads(said("--format", "json"))
    assert (data["m"], data["verdict"]) == ("every", "proved")
    text = said()
    assert text.startswith("Batch normalization, derived for every m\n")
    assert "every step is proved for every m" in text
    assert "not taken" in text
    assert {step["spelled_out"] for step in data["steps"]} == {None}


# Contract: key → what stands there. A tuple is one of several, a list a list of one kind, a dict an object that has at
# least these keys, {str: kind} an object of any keys.
NONE = type(None)
FORMULA = {"latex": str, "text": str}
VERDICT = {"proved", "refuted", "undecided"}
EXAMPLE = {"sizes": {str: int}, "values": {str: str}, "left": str, "right": str}
SCHEMA = {
    "layer": str,
    "m": (int, {"every"}),
    "forward": [{"name": str, **FORMULA}],
    "steps": [
        {"number": int, "name": str, **FORMULA, "rule": str, "verdict": VERDICT, "counterexample": (NONE, EXAMPLE)}
    ],
    "closed_form": {str: {**FORMULA, "verdict": VERDICT}},
    "checks": [{"name": str, "verdict": (VERDICT | {"passed", "failed"}, NONE), "detail": str, "seconds": float}],
    "numeric": [{"against": str, "dtype": {"float64", "float32"}, "max_relative_error": (float, NONE), "passed": bool}],
    "verdict": VERDICT | {"failed"},
}


def mismatches(value, kind, where="report"):  # noqa: PLR0911 -- one for each kind of kind
    """Where `value` is not of `kind`."""
    match kind:
        case tuple():
            return [] if any(not mismatches(value, one, where) for one in kind) else [f"{where}: {value!r}"]
        case set():
            return [] if value in kind else [f"{where}: {value!r}"]
        case list():
            if not isinstance(value, list) or not value:
                return [f"{where}: {value!r} is no list with entries"]
            return [wrong for at, one in enumerate(value) for wrong in mismatches(one, kind[0], f"{where}[{at}]")]
        case dict() if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        case dict() if str in kind:
            return [wrong for name, one in value.items() for wrong in mismatches(one, kind[str], f"{where}.{name}")]
        case dict():
            missing = [f"{where}.{name} is missing" for name in kind if name not in value]
            present = [name for name in kind if name in value]
            return missing + [w for name in present for w in mismatches(value[name], kind[name], f"{where}.{name}")]
    return [] if type(value) is kind else [f"{where}: {value!r} is no {kind.__name__}"]


@pytest.mark.parametrize("arguments", [[], ["--m", "4"], ["--stable"], ["--thorough"], ["--m", "100000"]], ids=" ".join)
def test_json_keeps_the_contract(arguments):
    data = json.loads(said(*arguments, "--format", "json"))
    assert mismatches(data, SCHEMA) == []
    assert set(data["closed_form"]) == {"dγ", "dβ", "dx"}
    assert [step["number"] for step in data["steps"]] == list(range(1, len(data["steps"]) + 1))
    assert [line["name"] for line in data["forward"]] == ["μ", "σ²", "x̂_i", "y_i"]


def test_text_and_json_agree():
    text, data = said("--m", "4", COLUMNS="200"), json.loads(said("--m", "4", "--format", "json"))
    for step in data["steps"]:
        line = next(line for line in text.splitlines() if re.match(rf" *{step['number']} \S*∂", line))
        assert line.endswith(f"✓ {step['verdict']}")
        assert step["text"].partition(" = ")[0] in line
    for check in data["checks"]:
        line = next(line for line in text.splitlines() if line.startswith(check["name"]))
        assert check["detail"] in line
        assert f"✓ {check['verdict']}" in line
    for row in data["numeric"]:
        line = next(line for line in text.splitlines() if line.startswith(row["against"]) and row["dtype"] in line)
        assert line.endswith("✓ passed") is row["passed"]
    assert f"({len(data['steps'])} steps, {len(data['closed_form'])} closed forms" in text


@pytest.mark.parametrize("form", FORMS)
def test_a_stable_report_holds_no_times_and_no_measured_errors(form):
    assert not re.search(r"\d m?s\b|\d\.\d+e-\d", stable(form))
