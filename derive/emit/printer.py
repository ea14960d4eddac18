"""Flat formulas as expressions of Python, for NumPy, PyTorch and JAX.

Promises: brackets only where they are needed; numbers stay Python numbers, so that no array changes its dtype; powers
are squares and products, never a slow general power where the exponent is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sympy import Abs, Add, E, Expr, Float, Integer, Max, Min, Mul, Pow, Rational, Symbol, erf, exp, pi
from sympy.core.function import Application

from derive.emit.flat import Total, over_of
from derive.emit.lines import reduction
from derive.emit.order import Order, is_negative, is_number

__all__ = ["Library", "Printer"]

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a written expression holds together."""

Text = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Library:
    """How an array library is spelled: its short name, the keywords of a reduction, functions with another name.

    Under `maximum` and `minimum` stands how a bound that is a number is written, where that is another way.
    """

    name: str
    axis: str
    keep: str
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def call(self, function: str) -> str:
        return self.names.get(function, f"{self.name}.{function}")


@dataclass(slots=True)
class Printer:
    """Writes expressions. `name` says what a symbol is called here, `axis` which axis of the arrays a size is.

    `constants` are numbers such as ε; `used` collects the sizes that were written.
    """

    order: Order
    library: Library
    name: Callable[[Symbol], str]
    axis: Callable[[Expr], int]
    constants: frozenset[Symbol] = frozenset()
    used: set[Expr] = field(default_factory=set)
    helpers: set[str] = field(default_factory=set)

    def __call__(self, expr: Expr) -> str:
        return self._text(expr)[0]

    def line(self, value: Expr) -> str:
        """The right-hand side of a line: a total has at most factors in front, which make it a mean or not."""
        found = reduction(value)
        if found is None:
            return self(value)
        factor, total = found
        if isinstance(total, Total) and factor * Mul(*over_of(total)) == 1:
            return self.reduced("mean", total)
        return self._with_factor(factor, total, self.reduced("sum" if isinstance(total, Total) else "max", total))

    def _with_factor(self, factor: Expr, total: Expr, text: str) -> str:
        axes = self.order.flat.axes
        stand_in = Symbol(text)
        axes[stand_in] = self.order.flat.extent(total)
        written = replace(self, name=lambda one: text if one == stand_in else self.name(one))(factor * stand_in)
        del axes[stand_in]
        return written

    def reduced(self, function: str, total: Expr) -> str:
        """The sum, mean or largest element over the axes of a total."""
        axes = sorted({self.axis(size) for size in over_of(total)})
        over = str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"
        arguments = f"{self(total.args[0])}, {self.library.axis}={over}, {self.library.keep}=True"
        return f"{self.library.call(function)}({arguments})"

    def into(self, value: Expr, out: str) -> list[str]:
        """Statements of one operation each that leave a value in the array `out`, without other large arrays."""
        if isinstance(value, Add):
            return self._sum_into(value, out)
        if isinstance(value, Mul):
            return self._product_into(value, out)
        is_call = isinstance(value, Application | Pow) and self(value).startswith(f"{self.library.name}.")
        return [f"{self(value)[:-1]}, out={out})" if is_call else f"{out}[...] = {self(value)}"]

    def _sum_into(self, addition: Expr, out: str) -> list[str]:
        terms = list(self.order.terms(addition))
        core = max(terms, key=lambda term: (self.order.size(term), term.count_ops(), not is_negative(term)))
        others = [term for term in terms if term != core]
        if not is_negative(core):
            return self._applied(
                core, [("subtract" if is_negative(one) else "add", abs_of(one)) for one in others], out
            )
        first = next((one for one in others if not is_negative(one)), None)
        rest = [("subtract" if is_negative(one) else "add", abs_of(one)) for one in others if one is not first]
        start = [("from", first)] if first is not None else [("multiply", Integer(-1))]
        return self._applied(-core, [*start, *rest], out)

    def _product_into(self, product: Expr, out: str) -> list[str]:
        if is_negative(product):
            return self._applied(-product, [("multiply", Integer(-1))], out)
        parts = self.order.quotient(product)
        core = max(parts.after, key=lambda one: (self.order.size(one), one.count_ops()))
        small = Mul(*parts.before, *(1 / one for one in parts.under))
        others = [("multiply", one) for one in parts.after if one != core]
        under = [("divide", Mul(*parts.beneath))] if parts.beneath else []
        return self._applied(core, [*others, *([("multiply", small)] if small != 1 else []), *under], out)

    def _applied(self, core: Expr, operations: Sequence[tuple[str, Expr]], out: str) -> list[str]:
        """A value, and then one operation after the other on it."""
        done = [] if isinstance(core, Symbol) else self.into(core, out)
        value = out if done else self(core)
        for operation, operand in operations:
            if operation == "from":
                done.append(f"{self.library.call('subtract')}({self(operand)}, {value}, out={out})")
            elif value == out:
                sign = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[operation]
                done.append(f"{out} {sign}= {self(operand)}")
            else:
                done.append(f"{self.library.call(operation)}({value}, {self(operand)}, out={out})")
            value = out
        return done

    def last(self, value: Expr, out: str) -> str | None:
        """A value as one call that writes into `out`, its operands written out; None where it has no last operation."""
        if isinstance(value, Add):
            *first, last = self.order.terms(value)
            function = "subtract" if is_negative(last) else "add"
            return (
                None if is_negative(first[0]) else self._call(function, self._added(tuple(first))[0], abs_of(last), out)
            )
        if not isinstance(value, Mul) or is_negative(value):
            return None
        parts = self.order.quotient(value)
        last, function = (parts.beneath, "divide") if parts.beneath else (parts.after, "multiply")
        if not last or (function == "multiply" and value == last[-1]):
            return None
        rest = value / last[-1] if function == "multiply" else value * last[-1]
        return self._call(function, self(rest), last[-1], out)

    def _call(self, function: str, left: str, right: Expr, out: str) -> str:
        return f"{self.library.call(function)}({left}, {self(right)}, out={out})"

    # --- expressions -------------------------------------------------------------------------------------------------

    def _text(self, expr: Expr) -> Text:
        match expr:
            case Rational():
                return self._rational(expr)
            case Add():
                return self._added(self.order.terms(expr))
            case Mul():
                return self._product(expr)
            case Pow():
                return self._power(expr)
        return self._atom(expr), ATOM

    def _atom(self, expr: Expr) -> str:
        match expr:
            case Symbol():
                return self._symbol(expr)
            case Float():
                return repr(float(expr))
        return self._called(expr)

    def _symbol(self, symbol: Symbol) -> str:
        if is_number(symbol):
            self.used.add(symbol)
        return self.name(symbol)

    @staticmethod
    def _rational(number: Rational) -> Text:
        if isinstance(number, Integer):
            return str(number), ATOM if number >= 0 else PRODUCT
        return f"{number.p} / {number.q}", PRODUCT

    def _bracketed(self, expr: Expr, place: int) -> str:
        text, tightness = self._text(expr)
        return text if tightness >= place else f"({text})"

    def _added(self, terms: tuple[Expr, ...]) -> Text:
        first, *rest = terms
        text = self(first)
        for term in rest:
            text += f" - {self._bracketed(-term, PRODUCT)}" if is_negative(term) else f" + {self(term)}"
        return text, SUM if rest else self._text(first)[1]

    def _product(self, expr: Expr) -> Text:
        if is_negative(expr):
            return f"-{self._bracketed(-expr, PRODUCT)}", PRODUCT
        parts = self.order.quotient(expr)
        text = self._times("", parts.before) or ("" if parts.after else "1")
        text = self._over(text, parts.under, several=not parts.after)
        text = self._times(text, parts.after)
        return self._over(text, parts.beneath, several=False), PRODUCT

    def _times(self, text: str, factors: tuple[Expr, ...]) -> str:
        return " * ".join(
            [
                *([text] if text else []),
                *(self._bracketed(one, PRODUCT if n == 0 and not text else POWER) for n, one in enumerate(factors)),
            ]
        )

    def _over(self, text: str, divisors: tuple[Expr, ...], *, several: bool) -> str:
        """Divided by each in turn; a large array only once, by the product."""
        numbers = Mul(*filter(is_number, divisors))
        arrays = [one for one in divisors if not is_number(one)]
        found = [*([] if numbers == 1 else [numbers]), *arrays]
        if not several and len(found) > 1:
            found = [Mul(*found)]
        return " / ".join([text, *(self._bracketed(one, POWER) for one in found)])

    def _power(self, power: Expr) -> Text:
        base, exponent = power.base, power.exp
        if isinstance(exponent, Rational) and exponent < 0:
            return f"1 / {self._bracketed(base**-exponent, POWER)}", PRODUCT
        if base is E:
            return self._called(exp(exponent, evaluate=False)), ATOM
        if exponent == Rational(1, 2):
            return f"{self._function('sqrt', base)}({self(base)})", ATOM
        if isinstance(exponent, Integer) and not self._is_plain(base):
            return self._whole_power(base, int(exponent))
        return f"{self._bracketed(base, ATOM)}**{self._exponent(exponent)}", POWER

    def _exponent(self, exponent: Expr) -> str:
        exact = isinstance(exponent, Rational) and exponent.q & (exponent.q - 1) == 0
        return repr(float(exponent)) if exact and exponent.q > 1 else self._bracketed(exponent, ATOM)

    def _whole_power(self, base: Expr, exponent: int) -> Text:
        if exponent == 1:
            return self._text(base)
        if exponent % 2:
            return f"{self._bracketed(base, PRODUCT)} * {self._bracketed(base ** (exponent - 1), POWER)}", PRODUCT
        inner = self(base) if exponent == 2 else self._whole_power(base, exponent // 2)[0]
        return f"{self.library.call('square')}({inner})", ATOM

    def _is_plain(self, expr: Expr) -> bool:
        """Whether it is a Python number: made of sizes and of constants such as ε."""
        return all(one.is_integer or one in self.constants for one in expr.free_symbols)

    def _function(self, name: str, argument: Expr) -> str:
        if self._is_plain(argument):
            self.helpers.add("math")
            return f"math.{name}"
        return self.library.call(name)

    def _called(self, expr: Expr) -> str:
        if expr is pi or expr is E:
            self.helpers.add("math")
            return f"math.{'e' if expr is E else 'pi'}"
        if isinstance(expr, Max | Min):
            return self._extreme(expr)
        assert isinstance(expr, Application), expr  # noqa: S101 -- Flat lets nothing else through
        name = "abs" if isinstance(expr, Abs) else expr.func.__name__
        if isinstance(expr, erf):
            self.helpers.add("erf")
        return f"{self._function(name, expr.args[0])}({self(expr.args[0])})"

    def _extreme(self, expr: Expr) -> str:
        name = "maximum" if isinstance(expr, Max) else "minimum"
        *first, last = sorted(expr.args, key=lambda one: (is_number(one), str(one)))
        left, right = self(first[0] if len(first) == 1 else expr.func(*first)), self(last)
        bound = self.library.names.get(name, "") if self._is_plain(last) else ""
        return bound.format(left, right) or f"{self.library.name}.{name}({left}, {right})"


def abs_of(term: Expr) -> Expr:
    """A term without its sign."""
    return -term if is_negative(term) else term
