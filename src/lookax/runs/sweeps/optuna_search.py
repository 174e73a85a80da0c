"""Searches by Optuna: a study whose trials are runs, some of which learn together; it goes on where it was."""

import contextlib
import dataclasses
import difflib
import itertools
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookax.errors import BadInputError
from lookax.runs.commands import terminal
from lookax.runs.commands.execute import train_all, working_in
from lookax.runs.commands.report import write_report
from lookax.runs.programs.lanes import Lanes
from lookax.runs.programs.stopping import Stop
from lookax.runs.programs.training import arranged
from lookax.runs.programs.watch import Watch
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.provenance import provenance
from lookax.runs.storage.run import Run
from lookax.runs.sweeps.search import Choice, Search
from lookax.runs.sweeps.sweep import closing, results

JOURNAL = "optuna.journal"

ENDS = "ends of batches"
"""What the study calls the number after the last trial of every batch, in order."""


def run_search(search: Search, path: Path) -> bool:
    """Tries a search's trials in a folder, or goes on with them; writes the table of a sweep, and a report.

    Optuna's study is in the file `optuna.journal`. What a trial is depends on the seeds and on the trials of earlier
    batches alone, so that a search that was killed and goes on is the one that was not.

    **Arguments:** the `search`; `path`, its folder.

    **Returns:** whether none of the runs failed.

    **Raises:** `ValueError`, in one line, where the objective is no metric of the preset's.
    """
    top = RunFolder(path)
    with working_in(top) as stop, _quiet():
        top.write_config(search.content())
        top.add_provenance(provenance(devices=True))
        learning = _Searching(search, path, stop)
        number, at_once = search.sizes()
        batches = learning.batches(number, at_once)
        number = batches[-1].stop
        with terminal.progress(number * search.preset.settings.total_updates) as watch:
            for numbers in batches:
                learning.batch(numbers, watch)
        runs, failures = list(learning.runs.values()), learning.failures
        table = results(runs, list(search.spaces))
        table.to_csv(path / "results.csv", index=False)
        closed = closing(runs, table, failures)
        closed = dataclasses.replace(closed, notes=[*closed.notes, *learning.best(number)])
        top.write_table(closed)
        write_report([path], path / "report.html")
        terminal.print_table(closed)
        terminal.say(f"{number} trials of {len(runs)} settings; written to {path}")
    return not failures


def check_objective(search: Search) -> None:
    """Raises `ValueError`, in one line, unless the objective is a metric of the preset's."""
    name, _, index = search.goal.objective.partition("/")
    shapes = Lanes([search.preset.settings]).metrics()
    known = [f"{metric}/{i + 1}" for metric, shape in shapes.items() if len(shape) == 1 for i in range(shape[0])]
    if name not in shapes or (index and search.goal.objective not in known):
        near = difflib.get_close_matches(search.goal.objective, [*shapes, *known], n=3) or sorted(shapes)
        raise BadInputError(
            f"objective: {search.goal.objective!r} is no metric of this preset; there is {', '.join(near)}"
        )


class _Searching:
    """The study, and the runs that its trials so far are, by name."""

    def __init__(self, search: Search, path: Path, stop: Stop):
        import optuna
        from optuna.storages.journal import JournalFileBackend

        self._search, self._path, self._stop = search, path, stop
        self._states = optuna.trial.TrialState
        self._study = optuna.create_study(
            storage=optuna.storages.JournalStorage(JournalFileBackend(str(path / JOURNAL))),
            study_name="lookax",
            direction="maximize" if search.goal.direction == "maximise" else "minimize",
            pruner=optuna.pruners.MedianPruner() if search.goal.prune else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self.runs: dict[str, Run] = {}
        self.failures: dict[str, str] = {}

    def batches(self, number: int, at_once: int) -> list[range]:
        """The numbers of trials that are chosen, and learn, together: batches of before, then new ones.

        A batch stays what it was when it was planned, also a small last one: its runs share their checkpoints.

        **Arguments:** the `number` of trials; how many of them `at_once`.
        """
        ends = list(self._study.user_attrs.get(ENDS, []))
        while not ends or ends[-1] < number:
            first = ends[-1] if ends else 0
            ends.append(min(first + at_once, number))
        self._study.set_user_attr(ENDS, ends)
        return [range(first, end) for first, end in itertools.pairwise([0, *ends]) if first < number]

    def batch(self, numbers: Sequence[int], watch: Watch) -> None:
        """Chooses the trials of these numbers, has them learn, and tells the study; as far as that is not done yet."""
        trials = {number: self._trial(number) for number in numbers}
        names = {number: self._name(trial.params) for number, trial in trials.items()}
        new: dict[str, Any] = {}
        for number, name in names.items():
            if name not in self.runs:
                new.setdefault(name, trials[number])
        runs = [self._run(name, trial.params) for name, trial in new.items()]
        self.runs |= {run.name: run for run in runs}  # in the order of trials
        programs = arranged(runs, self._path / "checkpoints" / f"batch-{numbers[0]:04}")
        placed = [run for turns in programs for turn in turns for run in turn]
        for run in placed:
            run.write_config()
        self.runs |= {run.name: run for run in placed}
        # A run alone in its program that was given up would begin again.
        waiting = [turns for turns in programs if not all(run.folder.pruned() for turn in turns for run in turn)]
        number_of = {name: trial.number for name, trial in new.items()}
        failures = train_all(waiting, watch, self._stop, self._judge(number_of) if self._search.goal.prune else None)
        self.failures |= {name: why for name, why in failures.items() if not self.runs[name].folder.pruned()}
        for number, name in names.items():
            self._tell(number, name)

    def best(self, number: int) -> list[str]:
        """What is said of the best trial of so many."""
        done = [t for t in self._study.get_trials(deepcopy=False)[:number] if t.state == self._states.COMPLETE]
        if not done:
            return ["No trial came to its end."]
        ordered = sorted(done, key=lambda trial: trial.value or 0.0, reverse=self._search.goal.direction == "maximise")
        best, name = ordered[0], self._name(ordered[0].params)
        settings, goal = self._search.preset.settings, self._search.goal
        return [
            f"Best: trial {best.number}, {name}, with {goal.objective} {best.value:.6g}. It was chosen for "
            "these seeds. To report it, learn with others:",
            f"lookax run --config {self._path / name}/config.yaml --first-seed {settings.first_seed + settings.seeds}",
        ]

    def _trial(self, number: int) -> Any:
        """The trial of a number, all of its values chosen."""
        import optuna

        known = self._study.get_trials(deepcopy=False)
        spaces = self._search.read()
        if number < len(known) and (known[number].state.is_finished() or len(known[number].params) == len(spaces)):
            return known[number]
        trial = optuna.trial.Trial(self._study, known[number]._trial_id) if number < len(known) else self._study.ask()
        for place, (field, space) in enumerate(spaces.items()):
            # Afresh for every value, so that what it chooses does not depend on what this process chose before.
            self._study.sampler = self._sampler(number, place)
            if isinstance(space, Choice):
                trial.suggest_categorical(field, list(space.values))
            elif isinstance(space.low, int):
                trial.suggest_int(field, space.low, int(space.high), log=space.log)
            else:
                trial.suggest_float(field, space.low, space.high, log=space.log)
        return self._study.get_trials(deepcopy=False)[number]

    def _sampler(self, number: int, place: int) -> Any:
        import optuna

        goal = self._search.goal
        seed = int(np.random.SeedSequence([goal.sampler_seed, number, place]).generate_state(1)[0])
        if goal.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, multivariate=False, constant_liar=True)
        drawn = optuna.samplers.RandomSampler(seed)
        if goal.sampler == "random":
            return drawn
        return optuna.samplers.PartialFixedSampler(self._search.grid()[number], drawn)

    def _name(self, params: Mapping[str, Any]) -> str:
        return self._search.trial(self._values(params))[0]

    def _values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        spaces = self._search.read()
        return {f: s.values[params[f]] if isinstance(s, Choice) else params[f] for f, s in spaces.items()}

    def _run(self, name: str, params: Mapping[str, Any]) -> Run:
        return Run(
            name, self._search.trial(self._values(params))[1], RunFolder(self._path / name), self._search.recording
        )

    def _judge(self, numbers: Mapping[str, int]) -> Any:
        import optuna

        def judge(update: int, metrics: Mapping[str, Mapping[str, np.ndarray]]) -> Collection[str]:
            known = self._study.get_trials(deepcopy=False)
            trials = {name: optuna.trial.Trial(self._study, known[numbers[name]]._trial_id) for name in metrics}
            # Of an update before the last that was reported, it was found before: such a trial goes on.
            new = {name for name in metrics if update >= max(known[numbers[name]].intermediate_values, default=0)}
            for name in new:
                if update not in known[numbers[name]].intermediate_values:
                    trials[name].report(self._value(metrics[name]), update)
            return {name for name in new if trials[name].should_prune()}

        return judge

    def _tell(self, number: int, name: str) -> None:
        run = self.runs[name]
        if self._study.get_trials(deepcopy=False)[number].state.is_finished():
            return
        if run.folder.pruned():
            self._study.tell(number, state=self._states.PRUNED)
        elif name in self.failures:
            self._study.tell(number, state=self._states.FAIL)
        else:
            history = run.result().history
            self._study.tell(number, self._value({metric: values[-1] for metric, values in history.items()}))

    def _value(self, metrics: Mapping[str, np.ndarray]) -> float:
        """The objective of metrics `[seeds, …]`."""
        name, _, index = self._search.goal.objective.partition("/")
        values = metrics[name]
        return float((values[:, int(index) - 1] if index else values).mean())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within, Optuna says nothing of every trial, nor that a part of it is new."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
