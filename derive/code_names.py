"""What quantities are called in programs: γ is `gamma` or `weight`, ∂L/∂y is `dy`, 1/√(σ²+ε) is `rstd`.

Promises: `code_name` gives each quantity one Python identifier, the first of its `spellings`. Spellings are compared
without case and underscores.
"""

from __future__ import annotations

import keyword
import unicodedata
from types import MappingProxyType

__all__ = ["RSTD", "STD", "UPSTREAM", "code_name", "gradient_spellings", "plain", "spellings", "upstream_spellings"]

SPELLINGS = MappingProxyType(
    {
        "x": ("x", "input", "inputs", "inp", "x_in", "data", "hidden_states", "logits", "scores"),
        "γ": ("gamma", "weight", "weights", "w", "scale", "gain", "g", "ln_weight", "bn_weight"),
        "β": ("beta", "bias", "b", "shift", "offset"),
        "ε": ("eps", "epsilon", "e", "variance_epsilon", "layer_norm_eps", "norm_eps"),
        "μ": ("mean", "mu", "batch_mean", "sample_mean", "save_mean", "saved_mean", "running_mean", "x_mean", "avg"),
        "σ²": ("var", "variance", "sigma2", "sigma_sq", "sigma_squared", "batch_var", "sample_var", "save_var",
               "saved_var", "running_var", "x_var"),
        "x̂": ("xhat", "x_norm", "xn", "x_normalized", "normalized", "normed", "norm_x", "x_normed"),
        "t": ("t", "target", "targets", "label", "labels", "onehot"),
        "p": ("p", "probs", "prob", "softmax", "probabilities", "s", "sm", "a"),
        "r": ("r", "residual", "res"),
        "v": ("v", "weight_v", "direction"),
        "y": ("y", "out", "output", "outputs"),
    }
)  # fmt: skip
"""Names in programs of the quantities that layers have in common, the usual one first."""

UPSTREAM = (
    "dy", "dout", "grad_output", "grad_outputs", "grad_out", "grad_y", "g", "gy", "upstream", "upstream_grad", "grad",
    "delta", "d_out", "dL_dy", "dLdy", "dl_dout", "gout", "cotangent", "ct", "dz", "dnext", "grad_in_y", "do",
)  # fmt: skip
"""Names of the upstream gradient, whatever the layer."""

RSTD = (
    "rstd", "invstd", "inv_std", "istd", "ivar", "inv_var", "invvar", "rsigma", "save_invstd", "saved_invstd", "rrms",
    "inv_rms", "rsqrt", "inv_sigma", "save_rstd", "saved_rstd", "inverse_std", "stdinv",
)  # fmt: skip
STD = ("std", "sqrtvar", "sqrt_var", "sigma", "s", "stddev", "rms", "root", "sd")
"""Names of the root that a layer divides by, and of its reciprocal."""

_IRREGULAR = MappingProxyType({"²": "2", "³": "3", "′": "_prime", "°": "_free"})


def code_name(name: str) -> str:
    """A Python identifier for a quantity: `var` for σ², `vhat` for v̂, `rho` for ρ."""
    return SPELLINGS[name][0] if name in SPELLINGS else transliterated(name)


def transliterated(name: str) -> str:
    """Greek letters in words, accents behind their letter: ŷ is yhat, ρ is rho."""
    found = "".join(map(_letter, unicodedata.normalize("NFD", name))) or "value"
    safe = found if found[0].isalpha() or found[0] == "_" else f"v{found}"
    return f"{safe}_" if keyword.iskeyword(safe) else safe


def _letter(letter: str) -> str:
    if letter in _IRREGULAR:
        return _IRREGULAR[letter]
    if letter.isascii():
        return letter if letter.isalnum() or letter == "_" else "_"
    words = unicodedata.name(letter, "").split()
    match words:
        case ["GREEK", "SMALL" | "CAPITAL" as case, "LETTER", *_, last]:
            return last.lower() if case == "SMALL" else last.capitalize()
        case ["COMBINING", "CIRCUMFLEX", "ACCENT"]:
            return "hat"
        case ["COMBINING", kind, *_]:
            return {"OVERLINE": "bar", "MACRON": "bar"}.get(kind, kind.lower())
    digit = unicodedata.digit(letter, None)
    return "_" if digit is None else str(digit)


def plain(name: str) -> str:
    """A name in a program without case and underscores, which spellings are compared by."""
    return name.replace("_", "").lower()


def spellings(name: str) -> tuple[str, ...]:
    """What a quantity may be called in a program, the usual name first."""
    return tuple(dict.fromkeys((*SPELLINGS.get(name, ()), transliterated(name))))


def upstream_spellings(upstream: str, output: str) -> tuple[str, ...]:
    """What the upstream gradient of a layer may be called: as such, or after the output."""
    return tuple(dict.fromkeys((*gradient_spellings(output), *UPSTREAM, transliterated(upstream))))


def gradient_spellings(name: str) -> tuple[str, ...]:
    """What the gradient for a quantity may be called: dx, grad_x, x_grad, gx, grad_input, dL_dx."""
    forms = (
        "d{}",
        "grad_{}",
        "{}_grad",
        "g{}",
        "d_{}",
        "dL_d{}",
        "dloss_d{}",
        "{}_bar",
        "g_{}",
        "gradient_{}",
        "del_{}",
    )
    return tuple(form.format(one) for one in spellings(name) for form in forms)
