"""Prints every benchmark's table."""

from benchmarks import adjoints, figure3, gmrl_ipd, gmrl_tabular

figure3.main()
adjoints.main()
gmrl_tabular.main()
gmrl_ipd.main()
