"""Agreement with POLA's exact figures: their tables say "yes" to the original's numbers and "no" to naive learners."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from lookax.experiments.figures import pola_b16, pola_figure3
from lookax.experiments.preset import Result
from lookax.experiments.registry import FIGURES, PRESETS
from lookax.experiments.reports.exact import Reference
from lookax.experiments.reports.intervals import Count
from lookax.experiments.settings.exact_learners import NaiveSettings
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.numbers import numbers_of, with_numbers
from lookax.experiments.studies.study import study_of, validate
from lookax.runs.storage.config import as_fields

TABLES = pytest.mark.parametrize(
    ("figure", "references"),
    [(FIGURES["pola-figure3"], pola_figure3.REFERENCES), (FIGURES["pola-b16"], pola_b16.REFERENCES)],
    ids=["figure3", "b16"],
)


def results(figure, history):
    return [Result(preset.name, preset.settings, history(preset)) for preset in figure.presets]


def verdicts(figure, history):
    table = figure.report.table(results(figure, history))
    return dict(zip((row[0] for row in table.rows), table.verdicts, strict=True))


def runs(returns, found, held):
    """Two updates of runs with these returns at the end, `[seeds]`, of which so many found and held tit-for-tat."""
    order = np.arange(len(returns))
    tests = np.stack([order < 0, order < found, order < held])
    return {"tit_for_tat": tests, "returns": np.tile(np.asarray(returns)[:, None], (3, 1, 2))}


def is_pola(name):
    return name.startswith(("pola-figure3-pola-", "pola-b16-pola-"))


@TABLES
def test_mutual_defection_agrees_with_no_row_of_pola_nor_with_lola_that_reciprocates(figure, references):
    agreed = verdicts(figure, lambda _: runs(np.zeros(20), 0, 0))
    for name, reference in references.items():
        if is_pola(name) or reference.found.successes:
            assert agreed[name] is False, name
    assert not any(verdict for name, verdict in agreed.items() if is_pola(name))


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
@functools.partial(jax.vmap, in_axes=(None, 0))
def learned(factor, key):
    settings = ExactShaping(NaiveSettings(1.0))
    naive = study_of(with_numbers(settings, [factor, *numbers_of(settings)[1:]]))
    steps = lambda state, _: naive.update(key, state)
    state, _ = jax.lax.scan(steps, naive.init(key), None, length=200)
    return naive.evaluate(key, state)["returns"].mean()


@TABLES
def test_naive_learners_agree_with_no_row_of_pola(figure, references):
    # Tabular policies of 20 seeds, from where the presets start, after as many steps as it takes them to defect nearly
    # always. What is left of cooperation differs between seeds: such runs have a spread.
    seeds = jax.random.split(jax.random.key(0), 20)
    factors = {preset.settings.contribution_factor for preset in figure.presets}
    by_factor = {factor: np.asarray(learned(factor, seeds)) for factor in factors}
    assert 0 < max(own.mean() / (factor - 1) for factor, own in by_factor.items()) < 0.1 * 25

    def history(preset):
        return runs(by_factor[preset.settings.contribution_factor], 0, 0)

    agreed = verdicts(figure, history)
    assert all(agreed[name] is False for name in references if is_pola(name))


@TABLES
def test_the_originals_own_runs_agree(figure, references):
    def history(preset):
        reference = references.get(preset.name, Reference(Count(0, 2), None, (0.0, 0.0)))
        total = reference.found.total
        returns = (
            reference.run_returns if len(reference.run_returns) == total else [np.mean(reference.mean_returns)] * total
        )
        return runs(returns, reference.found.successes, (reference.held or reference.found).successes)

    agreed = verdicts(figure, history)
    assert all(agreed[name] for name in references)


def test_returns_are_compared_by_the_spread_of_the_runs():
    # Five runs of the original at 7 ± 0.1 (sample deviation), four of ours with the same deviation: pooled over 4 + 3
    # degrees of freedom, 3.4995 (Student's t, 99 %) times 0.1 √(1/5 + 1/4) is 0.2348; rounding adds 0.001.
    theirs = np.array([-1.0, -1.0, 0.0, 1.0, 1.0]) * 0.1 + 7
    ours = np.array([-1.0, -1.0, 1.0, 1.0]) * 0.1 * 0.75**0.5
    reference = Reference(Count(5, 5), None, (6.9, 7.1), tuple(theirs))
    apart, allowed = reference.returns_apart(ours + 7.2)
    np.testing.assert_allclose([apart, allowed], [0.2, 0.2348 + 0.001], atol=1e-4)
    result = lambda mean: Result("", None, runs(ours + mean, 4, 4))
    assert reference.agrees_with(result(7.23))
    assert not reference.agrees_with(result(7.24))
    # Counts are compared too: four of four agree with five of five, none of four does not.
    assert not reference.agrees_with(Result("", None, runs(ours + 7, 0, 0)))


def test_one_seed_is_compared_by_the_references_spread_and_without_one_by_counts_alone():
    theirs = tuple(np.array([-1.0, -1.0, 0.0, 1.0, 1.0]) * 0.1 + 7)
    one = lambda mean: Result("", None, runs(np.array([mean]), 1, 1))
    known, unknown = Reference(Count(5, 5), None, (7.0, 7.0), theirs), Reference(Count(5, 5), None, (7.0, 7.0))
    # Student's t of 99 % and four degrees, 4.604, times 0.1 √(1/5 + 1) is 0.504.
    assert known.agrees_with(one(7.5))
    assert not known.agrees_with(one(7.51))
    assert unknown.agrees_with(one(0.0))


def test_few_runs_are_marked():
    names = [name for name, reference in pola_b16.REFERENCES.items() if reference.found.total < 5]
    table = pola_b16.table(results(FIGURES["pola-b16"], lambda _: runs(np.zeros(2), 0, 0)))
    column = table.columns.index("reference found")
    assert [row[0] for row in table.rows if row[column].endswith("few runs")] == names
    assert any(note.startswith("few runs: fewer than 5") for note in table.notes) == bool(names)


def test_a_naive_step_agrees_with_no_row_of_figure1():
    key = jax.random.key(0)

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def cooperation(learning_rate, state):
        study = study_of(naive(learning_rate))
        after, _ = study.update(key, state)
        return [study.evaluate(key, each)["cooperation"] for each in (state, after)]

    def naive(learning_rate):
        settings = dataclasses.replace(FIGURES["pola-figure1"].presets[0].settings, algorithm=NaiveSettings())
        return with_numbers(settings, [*numbers_of(settings)[:-1], learning_rate])

    def history(preset):
        before, after = cooperation(
            preset.settings.algorithm.learning_rate,
            study_of(dataclasses.replace(preset.settings, algorithm=NaiveSettings())).init(key),
        )
        return {"cooperation": np.stack([before, after])[:, None]}

    agreed = verdicts(FIGURES["pola-figure1"], history)
    assert set(agreed.values()) == {False}
    assert len(agreed) == 4


def test_no_configuration_depends_on_where_lookax_is_installed():
    for preset in PRESETS.values():
        values = [str(value) for value in as_fields(preset.settings).values()]
        assert not [value for value in values if value.startswith("/")], preset.name
    experiment = FIGURES["pola-figure1"].presets[0].settings
    assert as_fields(experiment)["initial_policies"] == "lookax:pola_figure1_network1.json"
    validate(experiment)
