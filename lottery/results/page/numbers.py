"""How the page writes numbers: fixed decimals, thousands apart, a true minus sign, powers of ten as such."""

import re
from math import floor, log10, sqrt

import pandas as pd

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_POWER = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)e([+-]?\d+)\b")
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")
_UNITS = ((1e-3, 1e6, "µs"), (0.1, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min"))  # below, factor, unit


def _power(found: re.Match[str]) -> str:
    return f"{found[1]} × 10{str(int(found[2])).translate(_SUPERSCRIPT)}"


def in_type(text: str) -> str:
    """Text as it is printed: 4.2e-07, -1 and >= become what a reader expects."""
    text = _POWER.sub(_power, text.replace(">=", "≥").replace("<=", "≤"))
    return _MINUS.sub("−", text)


def fixed(value: float, decimals: int = 0) -> str:
    """A number with that many decimals, thousands apart; a zero has no sign."""
    rounded = round(float(value), decimals) + 0.0
    return in_type(f"{rounded:,.{decimals}f}")


def rounded(value: float, digits: int = 2) -> str:
    """A number to some significant digits: as a power of ten below 0.0001 only."""
    value = float(value)
    if value and abs(value) < 1e-4:
        return in_type(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - floor(log10(abs(value))) if value else 0
    return fixed(value, max(decimals, 0))


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    for end, factor, unit in _UNITS:
        if value < end:
            return f"{rounded(value * factor)} {unit}"
    return f"{fixed(value / 3600, 0 if value >= 36000 else 1)} h"


def core_time(value: float) -> str:
    """Core seconds in words: 2.8 core minutes."""
    amount, unit = (
        (value, "seconds") if value < 60 else (value / 60, "minutes") if value < 7200 else (value / 3600, "hours")
    )
    return f"{fixed(amount, 0 if amount >= 100 else 1)} core {unit}"


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def sampling(percent: float, images: int) -> float:
    """Half-width (points) of the 95% interval of an accuracy that was counted on so many images."""
    share = percent / 100
    return 196 * sqrt(share * (1 - share) / images)


def span(values: pd.Series, decimals: int) -> str:
    """One number, or the lowest and the highest."""
    low, high = fixed(values.min(), decimals), fixed(values.max(), decimals)
    return low if low == high else f"{low} to {high}"
