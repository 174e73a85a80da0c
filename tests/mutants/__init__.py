"""Changes of one line that a test has to notice, and what applies them: `make test-mutants`."""
