"""Floats of plain JSON, of ledger or page, as what they should be; None, or nothing, where they are not."""


def count_of(value: object) -> int | None:
    """A whole number."""
    return value if isinstance(value, int) else None


def number_of(value: object) -> float | None:
    """A number."""
    return float(value) if isinstance(value, int | float) else None


def texts_of(value: object) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(map(str, value)) if isinstance(value, list) else ()
