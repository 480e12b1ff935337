"""What every list has in common."""

_DEFAULT = 20
_MOST = 100


def page_limit(page_size: int) -> int:
    """How many items a page has: what is asked for, but no more than 100 (AIP-158)."""
    return min(page_size or _DEFAULT, _MOST)
