"""One function of the kernel makes `Proved`, and nothing else in the project does.

The class may be named where that makes no verdict: in an annotation, a union, a type test, a pattern, or as a key.
Every other use counts as making one, and so does the word "proved" unless it is merely compared, listed or looked up.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

CLASS, WORD = "Proved", "proved"
PROVER = "derive/kernel/decide.py"
DEFINITION = "derive/kernel/verdict.py"

TYPE_TESTS = {"isinstance", "issubclass", "cast"}
LOOK_UPS = {"count", "get", "index"}
COPIERS = {"replace", "copy", "deepcopy", "__replace__"}


class Making(NamedTuple):
    """A place where a proved verdict is made, or could be."""

    function: str
    what: str


class Scan(ast.NodeVisitor):
    """Collects the makings of one module. `above` is the way from the module down to the node being visited."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.above: list[tuple[ast.AST, str]] = []
        self.found: list[Making] = []

    def generic_visit(self, node: ast.AST) -> None:
        for field, value in ast.iter_fields(node):
            self.above.append((node, field))
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)
            self.above.pop()

    def add(self, what: str) -> None:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        names = [node.name for node, field in self.above if isinstance(node, kinds) and field == "body"]
        self.found.append(Making(".".join(names), what))

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == CLASS and not self.only_named():
            self.add(self.use())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == CLASS and not self.only_named():
            self.add(self.use())
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        if node.name == CLASS and node.asname not in {None, CLASS}:
            self.add("another name")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.name == CLASS:
            if self.path != DEFINITION or self.above[-1][1] != "body" or len(self.above) != 1:
                self.add("another definition")
            for line in ast.walk(node):
                if isinstance(line, ast.Name) and line.id in {"classmethod", "staticmethod", "__class__"}:
                    self.add("a second constructor")
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name == CLASS:
            self.add("another definition")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Call(func=ast.Name(id="type"), args=[_]) | ast.Attribute(attr="__class__"):
                self.add("a call of an object's own class")
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in COPIERS:
                subject = node.args[0] if node.args else getattr(node.func, "value", node.func)
                if last_name(subject) in {"verdict", WORD}:
                    self.add("a copy")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value in (CLASS, WORD) and not (self.only_named() or self.only_listed(node.value)):
            self.add("the word")

    def use(self) -> str:
        parent, field = self.above[-1]
        return "a call" if isinstance(parent, ast.Call) and field == "func" else "another use"

    def only_named(self) -> bool:
        """Whether this use of the class or word cannot make a verdict."""
        if any(field in {"annotation", "returns"} for _, field in self.above):
            return True
        way = [*self.above]
        while isinstance(way[-1][0], ast.Tuple | ast.List | ast.Set) or is_union(way[-1][0]):
            if is_union(way.pop()[0]):
                return True
        match way[-1]:
            case (ast.Call(func=ast.Name(id=name)), "args"):
                return name in TYPE_TESTS
            case (ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars"))), "slice"):
                return False
            case (ast.Compare() | ast.MatchValue(), _) | (ast.MatchClass(), "cls"):
                return True
            case (parent, field):
                return isinstance(parent, ast.Subscript | ast.Dict) and field in {"slice", "keys"}

    def only_listed(self, text: str) -> bool:
        """The same for the word alone, which may also be listed, looked up, and be what the class calls itself."""
        parent, field = self.above[-1]
        match parent:
            case ast.Tuple() | ast.List() | ast.Set():
                return True
            case ast.Call(func=ast.Attribute(attr=name)) if field == "args":
                return name in LOOK_UPS
            case ast.Dict(keys=keys, values=values) if text == WORD:
                return all(
                    key is not None and last_name(key) == CLASS
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(value, ast.Constant) and value.value == WORD
                )
        owners = [node.name for node, _ in self.above if isinstance(node, ast.ClassDef)]
        return text == WORD and self.path == DEFINITION and owners == [CLASS]


def is_union(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def makings(source: str, path: str) -> list[Making]:
    """Every place in the module at `path` that makes a proved verdict, or could."""
    scan = Scan(path)
    scan.visit(ast.parse(source))
    return scan.found


def test_one_function_of_the_kernel_makes_proved() -> None:
    modules = [module for folder in ("derive", "checks") for module in sorted((ROOT / folder).rglob("*.py"))]
    found = [
        (module.relative_to(ROOT).as_posix(), *making)
        for module in modules
        for making in makings(module.read_text("utf-8"), module.relative_to(ROOT).as_posix())
    ]
    assert [making for making in found if making[0] != PROVER or making[2] != "a call"] == []
    functions = {function for _, function, _ in found}
    assert len(functions) == 1, f"{PROVER} makes {CLASS} in {sorted(functions)}"
    assert functions != {""}, f"{PROVER} makes {CLASS} outside a function"


def test_the_class_is_defined_where_it_is_looked_for() -> None:
    tree = ast.parse((ROOT / DEFINITION).read_text("utf-8"))
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name == CLASS] == [CLASS]


PLANTED = [
    ("def f():\n    return Proved()", "f", "a call"),
    ("def f():\n    return verdict.Proved(used=())", "f", "a call"),
    ("class A:\n    def f(self):\n        return kernel.verdict.Proved()", "A.f", "a call"),
    ("x: Proved = Proved()", "", "a call"),
    ("done = [Proved() for _ in steps]", "", "a call"),
    ("from derive.kernel.verdict import Proved as P", "", "another name"),
    ("make = Proved", "", "another use"),
    ("make = verdict.Proved", "", "another use"),
    ("make = partial(Proved, used=())", "", "another use"),
    ("kinds = (Proved, Refuted)", "", "another use"),
    ("kinds = {'proved': Proved}", "", "another use"),
    ("object.__new__(Proved)", "", "another use"),
    ("Proved.__new__(cls)", "", "another use"),
    ("refuted.__class__ = Proved", "", "another use"),
    ("class Mine(Proved): ...", "", "another use"),
    ("class Proved: ...", "", "another definition"),
    ("def Proved(): ...", "", "another definition"),
    ("getattr(verdict, 'Proved')()", "", "the word"),
    ("globals()['Proved']()", "", "the word"),
    ("type(verdict)(used=())", "", "a call of an object's own class"),
    ("step.verdict.__class__()", "", "a call of an object's own class"),
    ("replace(step.verdict, used=())", "", "a copy"),
    ("dataclasses.replace(proved, used=())", "", "a copy"),
    ("Step(verdict='proved')", "", "the word"),
    ("Step('proved')", "", "the word"),
    ("step = {'verdict': 'proved'}", "", "the word"),
    ("step['verdict'] = 'proved'", "", "the word"),
    ("step.verdict = 'proved' if close else 'undecided'", "", "the word"),
    ("def f():\n    return 'proved'", "f", "the word"),
    ("def f(verdict='proved'): ...", "", "the word"),
]


@pytest.mark.parametrize(("source", "function", "what"), PLANTED)
def test_a_planted_making_is_found(source: str, function: str, what: str) -> None:
    assert makings(source, "derive/backward.py") == [Making(function, what)]


def test_a_second_constructor_is_found() -> None:
    source = "class Proved:\n    @classmethod\n    def make(cls):\n        return cls()"
    assert makings(source, DEFINITION) == [Making("", "a second constructor")]


HARMLESS = [
    "from derive.kernel.verdict import Proved, Refuted",
    "def f(verdict: Proved | None) -> tuple[Proved, ...]: ...",
    "Verdict = Proved | Refuted | Undecided",
    "Verdict = Union[Proved, Refuted]",
    "ok = isinstance(v, Proved) or isinstance(v, (Proved, Refuted)) or isinstance(v, verdict.Proved)",
    "ok = type(v) is Proved",
    "match v:\n    case Proved(used=used):\n        pass\n    case 'proved':\n        pass",
    "WORDS = {Proved: 'proved', Refuted: 'refuted'}",
    "word = WORDS[Proved]",
    "STYLES = {'proved': 'green', 'refuted': 'red'}",
    "ORDER = ('proved', 'undecided', 'refuted')",
    "count = summary.get('proved', 0) + summary['proved']",
    "ok = step.verdict == 'proved' or step.verdict in {'proved', 'given'}",
    "Word = Literal['proved', 'refuted']",
    "__all__ = ['Proved', 'Refuted']",
    "other = replace(step, number=3)",
    "print('Every step is proved.')",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_naming_the_class_or_the_word_is_left_alone(source: str) -> None:
    assert makings(source, "derive/report.py") == []


def test_the_class_may_say_its_own_word() -> None:
    assert makings("class Proved:\n    word: ClassVar[str] = 'proved'", DEFINITION) == []
