"""What LaTeX commands mean to the reader, as tables. A command that is in none of them is not understood."""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import Final

__all__ = [
    "ACCENTS", "ARROWS", "CALLS", "CHARACTERS", "CONDITIONS", "DELIMITERS", "DISPLAYS", "DROPPED", "DROPPED_WITH",
    "FONTS", "FRAMES", "LETTERS", "LISTED", "LOSSES", "MARKS", "MATRICES", "MULTIPLY", "OLD_FONTS", "ORDERS", "PROSE",
    "RELATIONS", "ROWS", "SCRIPTS", "SIZES", "SYMBOL_COMMANDS", "TEXTS", "UPRIGHT", "VERBATIM", "WIDE", "WORDS",
    "double", "script",
]  # fmt: skip


def _words(line: str) -> tuple[str, ...]:
    return tuple(line.split())


_GREEK: Final = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {spelled.upper()}")
    for name, spelled in (
        (name, {"lambda": "lamda"}.get(name, name))
        for name in _words(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
            "phi chi psi omega"
        )
    )
}
_CAPITALS: Final = {
    name.capitalize(): _GREEK[name].upper()
    for name in _words("gamma delta theta lambda xi pi sigma upsilon phi psi omega")
}
# \epsilon and \varepsilon are one name: no author means two things by them.
LETTERS: Final = MappingProxyType(
    _GREEK
    | _CAPITALS
    | {"varepsilon": "ε", "vartheta": "ϑ", "varphi": "φ", "varrho": "ϱ", "varpi": "ϖ", "varsigma": "ς"}
    | {"ell": "ℓ", "infty": "∞", "imath": "i", "jmath": "j"}
)

MULTIPLY: Final = frozenset("·×*⊙∘")
RELATIONS: Final = frozenset({"=", ":=", "≡"})
ORDERS: Final = frozenset("≈∼∝≤≥<>≠")  # relations that state no equality
ARROWS: Final = frozenset("⇒")

MARKS: Final = MappingProxyType(
    {
        **dict.fromkeys(("cdot", "cdotp"), "·"),
        **dict.fromkeys(("ast",), "*"),
        "times": "×",
        "odot": "⊙",
        "circ": "∘",
        "div": "÷",
        "pm": "±",
        "mp": "±",
        **dict.fromkeys(
            ("leftarrow", "gets", "coloneqq", "triangleq", "defeq", "coloneq", "eqdef", "vcentcolon="), ":="
        ),
        "equiv": "≡",
        "approx": "≈",
        "simeq": "≈",
        "sim": "∼",
        "propto": "∝",
        "lt": "<",
        "gt": ">",
        **dict.fromkeys(("le", "leq", "leqslant", "ll"), "≤"),
        **dict.fromkeys(("ge", "geq", "geqslant", "gg"), "≥"),
        **dict.fromkeys(("ne", "neq"), "≠"),
        **dict.fromkeys(
            (
                *(
                    "Rightarrow",
                    "implies",
                    "Longrightarrow",
                    "iff",
                    "Leftrightarrow",
                    "Longleftrightarrow",
                    "therefore",
                ),
                *("because", "to", "rightarrow", "longrightarrow", "mapsto", "Leftarrow", "impliedby", "leadsto"),
            ),
            "⇒",
        ),
        **dict.fromkeys(("dots", "ldots", "cdots", "dotsc", "dotsb", "dotso", "vdots", "ddots", "hdots"), "…"),
        "in": "∈",
        "forall": "∀",
        "sum": "∑",
        "nabla": "∇",
        "prime": "'",
        "colon": ":",
        **dict.fromkeys(("lbrace",), "\\{"),
        **dict.fromkeys(("rbrace",), "\\}"),
        "lbrack": "[",
        "rbrack": "]",
        "lparen": "(",
        "rparen": ")",
        "vert": "|",
        "mid": "|",
        "lvert": "|(",
        "rvert": ")|",
        "Vert": "‖",
        "lVert": "‖(",
        "rVert": ")‖",
        "star": "*",
        "top": "⊤",
        "intercal": "⊤",
    }
)

# Characters that people type instead of commands.
CHARACTERS: Final = MappingProxyType(
    {"−": "-", "–": "-", "⋅": "·", "·": "·", "×": "×", "∗": "*", "⊙": "⊙", "∘": "∘", "÷": "÷", "±": "±"}
    | {"≠": "≠", "≈": "≈", "≤": "≤", "≥": "≥", "∝": "∝", "≡": "≡", "≔": ":=", "∈": "∈", "∀": "∀", "⊤": "⊤"}
    | {"∑": "∑", "∇": "∇", "…": "…", "⋯": "…", "⋮": "…", "′": "'", "’": "'", "‖": "‖", "⇒": "⇒", "→": "⇒", "⟹": "⇒"}
)

DROPPED: Final = frozenset(
    _words(
        "limits nolimits displaystyle textstyle scriptstyle nonumber notag mathstrut strut thinspace negthinspace "
        "medspace thickspace negmedspace negthickspace enspace allowbreak nobreak hfill hfil centering noindent "
        "null displaylimits relax allowdisplaybreaks smash hline boldmath mathord mathbin mathopen mathclose "
        "mathinner"
    )
)
DROPPED_WITH: Final = MappingProxyType(
    {
        **dict.fromkeys(_words("label tag color hspace vspace phantom hphantom vphantom mspace eqref ref cite"), 1),
        **dict.fromkeys(("rule", "raisebox"), 2),
    }
)
WIDE: Final = frozenset({"quad", "qquad"})
SIZES: Final = frozenset(
    _words("left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm biggm Biggm lefteqn")
)
DELIMITERS: Final = MappingProxyType(
    {"lvert": "|(", "rvert": ")|", "lVert": "‖(", "rVert": ")‖", "vert": "|", "Vert": "‖", "lbrace": "\\{"}
    | {"rbrace": "\\}", "lbrack": "[", "rbrack": "]"}
)
FONTS: Final = frozenset(
    _words("mathbf boldsymbol bm pmb mathsf mathnormal mathcal mathscr mathbb mathds mathbbm mathit bold symbf")
)
OLD_FONTS: Final = MappingProxyType(
    {"rm": "mathrm", "bf": "mathbf", "it": "mathit", "sf": "mathsf", "tt": "mathrm", "cal": "mathcal", "bm": "bm"}
)
SCRIPTS: Final = frozenset({"mathcal", "mathscr"})
UPRIGHT: Final = frozenset({"mathrm", "operatorname", "mathop", "mathtt", "mathup", "symrm"})
TEXTS: Final = frozenset(
    _words("text textrm mbox hbox textit textbf texttt textsf textnormal intertext shortintertext")
)
# How many arguments come before the one that is shown.
FRAMES: Final = MappingProxyType(
    {
        **dict.fromkeys(("boxed", "fbox", "underbrace", "overbrace", "ensuremath", "mathrel", "Aboxed", "bbox"), 0),
        **dict.fromkeys(("textcolor", "colorbox", "fcolorbox", "mathcolor"), 1),
    }
)
ACCENTS: Final = MappingProxyType(
    {"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304", "tilde": "\u0303"}
    | {"widetilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
)
# Commands that begin a factor, besides letters and accents.
SYMBOL_COMMANDS: Final = frozenset(_words("frac dfrac tfrac cfrac sfrac nicefrac flatfrac sqrt partial"))
LISTED: Final = frozenset(_words("log ln exp sin cos tan sinh cosh tanh max min arg det dim gcd"))
CALLS: Final = (
    frozenset(
        _words(
            "E Var var Variance mean Mean avg std Std Cov cov norm relu ReLU softmax sigmoid sign sgn diag trace tr "
            "sum variance erf abs sqrt rsqrt expectation"
        )
    )
    | LISTED
)
LOSSES: Final = frozenset({"f", "F", "L", "ℒ", "J", "ℓ", "l"})
WORDS: Final = frozenset(
    _words(
        "dout loss cost Loss Cost var std eps mean norm dvar dmean dmu dgamma dbeta dsigma dxhat xhat xmu ivar "
        "sqrtvar out inv gamma beta sigma delta epsilon alpha theta mu nu lambda"
    )
)
PROSE: Final = frozenset(
    _words(
        "and or where with for if so since because then thus hence let as is by when otherwise else therefore we "
        "get have that this which from to of in on at the a an it be are using use given note now similarly "
        "finally also but not all each every some any do does unless iff provided while such define since "
        "respectively else i.e. e.g. i.e e.g eq equation see via here"
    )
)
CONDITIONS: Final = frozenset({"if", "when", "unless", "provided", "iff", "whenever", "otherwise", "only"})

ROWS: Final = frozenset(
    _words(
        "align aligned alignat alignedat split gather gathered eqnarray equation multline flalign dcases rcases "
        "cases array displaymath math multlined"
    )
)
DISPLAYS: Final = ROWS - {"array"}
MATRICES: Final = frozenset(_words("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix array"))
VERBATIM: Final = frozenset(
    _words("verbatim Verbatim lstlisting minted comment alltt filecontents algorithm algorithmic pycode tikzpicture")
)


def script(letter: str) -> str:
    """The script form of a letter: ℒ for L."""
    if not (letter.isascii() and letter.isalpha()):
        return letter
    size = "CAPITAL" if letter.isupper() else "SMALL"
    return _looked_up(f"SCRIPT {size} {letter.upper()}", f"MATHEMATICAL SCRIPT {size} {letter.upper()}") or letter


def double(letter: str) -> str:
    """The double-struck form of a letter: ℝ for R."""
    name = f"DOUBLE-STRUCK CAPITAL {letter.upper()}"
    return (_looked_up(name, f"MATHEMATICAL {name}") or letter) if letter.isascii() and letter.isupper() else letter


def _looked_up(*names: str) -> str | None:
    for name in names:
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return None
