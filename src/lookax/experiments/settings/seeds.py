"""Random seeds of settings."""

from lookax.errors import check, check_at_least


def check_seeds(seeds: int, first_seed: int) -> None:
    """Raises `ValueError` if the number of seeds or the first one is out of range."""
    check_at_least("seeds", seeds, 1)
    check(seeds <= 100_000, "seeds", seeds, "at most 100000")
    check_at_least("first_seed", first_seed, 0)
    check(first_seed < 2**31, "first_seed", first_seed, "less than 2147483648")
