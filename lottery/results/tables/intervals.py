"""Student's t, for means of few values."""

import pandas as pd

CONFIDENCE = 0.95


def student_t(freedom: float) -> float:
    """How many standard errors a 95% interval reaches to either side."""
    from scipy.special import stdtrit  # 0.2 s that most tables do without; scipy.stats takes a second

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def half_interval(values: pd.Series) -> float | None:
    """Half of the 95% interval of the mean; None of a single value."""
    count = len(values)
    return float(student_t(count - 1) * values.sem()) if count > 1 else None
