"""The import laws: the kernel stands alone, writers see report data, layers know no kernel, the CLI starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent

# Folder → what its modules may import of derive.
LAWS = {
    "derive/kernel": ("derive.kernel",),
    "derive/write": ("derive.write", "derive.report", "derive.errors"),
    "derive/layers": ("derive.layers", "derive.errors"),
}
# These load none of the heavy packages when they are imported.
LIGHT = ("derive/__init__.py", "derive/__main__.py", "derive/cli")
HEAVY = ("sympy", "numpy")

UNREADABLE = "an import computed at run time"


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports(node: ast.AST, path: PurePosixPath, importers: set[str]) -> list[str]:
    """The full names one node imports; `from a import b` counts as a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        here = list(path.parent.parts)
        base = here[: len(here) - node.level + 1] if node.level else []
        origin = ".".join([*base, *([node.module] if node.module else [])])
        return [f"{origin}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and called(node) in importers:
        return [dynamic(node, path)]
    return []


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def dynamic(node: ast.Call, path: PurePosixPath) -> str:
    """The name `import_module` or `__import__` is called with, as far as it can be read."""
    match node.args[:1]:
        case [ast.Constant(value=str(name))] if not name.startswith("."):
            return name
        case [
            ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id="__name__")), ast.Constant(value=str(rest)), *_])
        ]:
            own = path.parent if path.name == "__init__.py" else path.with_suffix("")
            return ".".join(own.parts) + rest if rest.startswith(".") else UNREADABLE
    return UNREADABLE


def importers(tree: ast.Module) -> set[str]:
    """The names an import function goes by in this module."""
    known = {"import_module", "__import__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            known |= {alias.asname for alias in node.names if alias.asname and alias.name in known}
        elif isinstance(node, ast.Assign) and getattr(node.value, "attr", getattr(node.value, "id", "")) in known:
            known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return known


def at_top(tree: ast.Module) -> list[ast.AST]:
    """Every node that runs when the module is imported: nothing in a function or under TYPE_CHECKING."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        found.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            todo.extend(node.orelse)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            arguments = node.args
            todo.extend(
                [*getattr(node, "decorator_list", []), *arguments.defaults, *filter(None, arguments.kw_defaults)]
            )
        else:
            todo.extend(ast.iter_child_nodes(node))
    return found


def violations(source: str, path: str) -> list[str]:
    """What the module at `path` (from the root of the project) imports against the laws."""
    tree = ast.parse(source)
    where = PurePosixPath(path)
    known = importers(tree)
    found = []
    for folder, allowed in LAWS.items():
        if where.is_relative_to(folder):
            names = [name for node in ast.walk(tree) for name in imports(node, where, known)]
            of_derive = [name for name in names if within(name, ("derive",)) or name == UNREADABLE]
            found += [f"{path}: {name}" for name in of_derive if not within(name, allowed)]
    if any(where.is_relative_to(light) for light in LIGHT):
        names = [name for node in at_top(tree) for name in imports(node, where, known)]
        found += [f"{path}: {name}" for name in names if within(name, HEAVY)]
    return found


@pytest.mark.parametrize("folder", LAWS)
def test_every_module_keeps_the_law_of_its_folder(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert modules, f"{folder} holds no module"
    found = []
    for module in modules:
        found += violations(module.read_text("utf-8"), module.relative_to(ROOT).as_posix())
    assert found == []


@pytest.mark.parametrize("path", LIGHT)
def test_the_start_imports_nothing_heavy(path: str) -> None:
    place = ROOT / path
    modules = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert modules, f"{path} holds no module"
    found = []
    for module in modules:
        found += violations(module.read_text("utf-8"), module.relative_to(ROOT).as_posix())
    assert found == []


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    program = f"import sys, derive.cli; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr


PLANTED = [
    ("derive/kernel/decide.py", "import derive", "derive"),
    ("derive/kernel/decide.py", "import derive.graph as graph", "derive.graph"),
    ("derive/kernel/decide.py", "from derive import backward", "derive.backward"),
    ("derive/kernel/decide.py", "from derive.errors import DeriveError", "derive.errors.DeriveError"),
    ("derive/kernel/decide.py", "from derive.kernels import x", "derive.kernels.x"),
    ("derive/kernel/decide.py", "from derive import *", "derive.*"),
    ("derive/kernel/decide.py", "from .. import graph", "derive.graph"),
    ("derive/kernel/decide.py", "from ..graph import build", "derive.graph.build"),
    ("derive/kernel/__init__.py", "from ..graph import build", "derive.graph.build"),
    ("derive/kernel/deep/down.py", "from ...graph import build", "derive.graph.build"),
    ("derive/kernel/decide.py", "def f():\n    import derive.graph", "derive.graph"),
    ("derive/kernel/decide.py", "if TYPE_CHECKING:\n    from derive.graph import Graph", "derive.graph.Graph"),
    ("derive/kernel/decide.py", "importlib.import_module('derive.graph')", "derive.graph"),
    ("derive/kernel/decide.py", "from importlib import import_module as load\nload('derive.graph')", "derive.graph"),
    ("derive/kernel/decide.py", "load = importlib.import_module\nload('derive.graph')", "derive.graph"),
    ("derive/kernel/decide.py", "__import__('derive.graph')", "derive.graph"),
    ("derive/kernel/decide.py", "importlib.import_module('..graph', __package__)", UNREADABLE),
    ("derive/kernel/decide.py", "importlib.import_module(name)", UNREADABLE),
    ("derive/write/latex.py", "from derive.kernel.decide import decide", "derive.kernel.decide.decide"),
    ("derive/write/latex.py", "from derive.notation.wrap import wrap", "derive.notation.wrap.wrap"),
    ("derive/write/latex.py", "from derive.reports import Report", "derive.reports.Report"),
    ("derive/layers/rmsnorm.py", "from derive.kernel import decide", "derive.kernel.decide"),
    ("derive/layers/rmsnorm.py", "from ..graph import build", "derive.graph.build"),
    ("derive/cli/program.py", "import sympy", "sympy"),
    ("derive/cli/check.py", "import numpy.linalg as la", "numpy.linalg"),
    ("derive/cli/check.py", "from sympy import Symbol", "sympy.Symbol"),
    ("derive/cli/check.py", "try:\n    import numpy\nexcept ImportError:\n    pass", "numpy"),
    ("derive/cli/check.py", "class A:\n    import numpy", "numpy"),
    ("derive/cli/check.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import numpy", "numpy"),
    ("derive/__init__.py", "def f(x=__import__('sympy')): ...", "sympy"),
]


@pytest.mark.parametrize(("path", "source", "name"), PLANTED)
def test_a_planted_violation_is_found(path: str, source: str, name: str) -> None:
    assert violations(source, path) == [f"{path}: {name}"]


LAWFUL = [
    ("derive/kernel/decide.py", "from __future__ import annotations\nimport itertools\nfrom sympy import Expr"),
    (
        "derive/kernel/decide.py",
        "from . import verdict\nfrom .verdict import Proved\nfrom derive.kernel.terms import Term",
    ),
    ("derive/kernel/__init__.py", "from .decide import decide\nfrom derive.kernel import decide"),
    (
        "derive/write/latex.py",
        "from derive.report import Report\nfrom derive.errors import OutputError\nfrom .text import t",
    ),
    ("derive/layers/__init__.py", "importlib.import_module(f'{__name__}.{name}')"),
    ("derive/layers/rmsnorm.py", "from derive.layers.layer import Layer\nfrom derive.errors import LayerError"),
    ("derive/graph.py", "from derive.kernel import decide"),
    ("derive/cli/check.py", "import click\ndef main():\n    import sympy"),
    ("derive/cli/check.py", "if TYPE_CHECKING:\n    from sympy import Expr"),
]


@pytest.mark.parametrize(("path", "source"), LAWFUL)
def test_a_lawful_import_is_left_alone(path: str, source: str) -> None:
    assert violations(source, path) == []
