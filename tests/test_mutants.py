"""Mutants fit the library as it is; `make test-mutants` lets tests loose on them."""

import ast

import pytest

from tests.mutants.mutant import SOURCES, TESTS, all_mutants

MUTANTS = all_mutants()


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_mutants_change_a_line_that_is_there_into_another_that_is_python(file):
    text = (SOURCES / "lookax" / file).read_text()
    for mutant in MUTANTS:
        if mutant.file == file:
            changed = mutant.applied_to(text)
            assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text)), mutant.what


def test_mutants_have_tests_to_notice_them():
    assert len(MUTANTS) >= 60
    assert len({mutant.what for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert mutant.tests
        for test in mutant.tests:
            assert (TESTS / test.split("::")[0]).exists(), test
