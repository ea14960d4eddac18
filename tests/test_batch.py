"""Many documents: folders, order, workers, and a bug in one that leaves the others their verdicts."""

from __future__ import annotations

import os
import time

import pytest

from derive import batch
from derive.batch import NoDocumentsError, check_files, documents

LINE = r"\[ \mu = \frac{1}{m} \sum_{k=1}^m x_k \]"


@pytest.fixture
def folder(tmp_path):
    for name in ("b.tex", "a.md", "deep/c.TXT", "deep/er/d.ipynb", "e.py", "a.expected.toml", "deep/f.tex.bak"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LINE, "utf-8")
    return tmp_path


def test_a_folder_stands_for_the_documents_in_it_sorted(folder):
    assert documents([str(folder)]) == tuple(
        str(folder / name) for name in ("a.md", "b.tex", "deep/c.TXT", "deep/er/d.ipynb")
    )


def test_files_stay_where_they_were_named_and_come_once(folder):
    named = [str(folder / "b.tex"), str(folder), str(folder / "b.tex"), "-", "missing.tex"]
    assert documents(named)[0] == str(folder / "b.tex")
    assert documents(named)[-2:] == ("-", "missing.tex")
    assert len(documents(named)) == 6


def test_a_file_of_another_kind_is_taken_if_it_is_named(folder):
    assert documents([str(folder / "e.py")]) == (str(folder / "e.py"),)


def test_a_folder_without_documents_is_an_error(tmp_path):
    with pytest.raises(NoDocumentsError, match=r"\.tex"):
        documents([str(tmp_path)])


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_order_is_that_of_the_files_whatever_takes_longest(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(os, "cpu_count", lambda: workers)
    check = batch.check_file

    def slow(path, *more):
        time.sleep(0.2 if path.endswith("0.tex") else 0)
        return check(path, *more)

    monkeypatch.setattr(batch, "check_file", slow)
    paths = [str(tmp_path / f"{number}.tex") for number in range(6)]
    for path in paths[:5]:
        (tmp_path / path).write_text(LINE, "utf-8")
    found = list(check_files(paths))
    assert [one.path for one in found] == paths
    assert [one.verdict for one in found] == ["nothing wrong"] * 5 + ["error"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_in_one_file_leaves_the_others_their_verdicts(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(os, "cpu_count", lambda: workers)
    check = batch.check_file

    def fails(path, *more):
        if path.endswith("1.tex"):
            raise ZeroDivisionError("oh")
        return check(path, *more)

    monkeypatch.setattr(batch, "check_file", fails)
    paths = [str(tmp_path / f"{number}.tex") for number in range(3)]
    for path in paths:
        (tmp_path / path).write_text(LINE, "utf-8")
    found = list(check_files(paths))
    assert [one.verdict for one in found] == ["nothing wrong", "error", "nothing wrong"]
    assert "bug of derive-bn" in found[1].error


def test_workers_and_one_process_say_the_same(tmp_path, monkeypatch):
    paths = []
    for number in range(4):
        path = tmp_path / f"{number}.tex"
        path.write_text(LINE + "\n" + rf"\[ \frac{{\partial \mu}}{{\partial x_i}} = \frac{{{number}}}{{m}} \]", "utf-8")
        paths.append(str(path))
    found = []
    for workers in (1, 2):
        monkeypatch.setattr(os, "cpu_count", lambda workers=workers: workers)
        found.append(tuple(check_files(paths)))
    assert found[0] == found[1]
    assert [one.verdict for one in found[0]] == ["refuted", "nothing wrong", "refuted", "refuted"]


def test_no_files_are_no_reports():
    assert list(check_files([])) == []
