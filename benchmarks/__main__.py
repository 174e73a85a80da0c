"""Prints every benchmark's table."""

from benchmarks import adjoints, figure3

figure3.main()
adjoints.main()
