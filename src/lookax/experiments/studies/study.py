"""What can be run: a protocol that whatever computes an experiment's settings satisfies."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from jaxtyping import Array, PyTree

from lookax.experiments.preset import Preset, check_settings
from lookax.games.arcade.environment import Environment
from lookax.games.game import Game, Policies
from lookax.imports import import_named
from lookax.learners.learner import Metrics

AGAINST = ("always-defect", "always-cooperate", "tit-for-tat")
"""Strategies that agents are evaluated against, in games that have them."""


def against_metric(strategy: str) -> str:
    """The name of the metric that says how agents fare against a strategy."""
    return f"against_{strategy.replace('-', '_')}"


@runtime_checkable
class Study(Protocol):
    """Settings, and what they compute: a first state, the next one, and what a state is worth.

    Settings name their study by a class attribute, `study = "package.module:Class"`, so that they are data alone.

    **Attributes:**

    - `settings`: a frozen dataclass with `total_updates`, `seeds`, `first_seed` and `validate()`.
    - `precision`: what everything is computed in.
    - `settings_in_lanes`: whether settings that share a program are lanes of one call of it, or take turns with it, as
      seeds never do.
    - `spreads_games`: whether it pays to spread the games of a seed over processors, where there are more of them than
      seeds.
    """

    precision: ClassVar[Literal["float32", "float64"]]
    settings_in_lanes: ClassVar[bool]
    spreads_games: ClassVar[bool]

    @property
    def settings(self) -> Any:
        """What it computes."""
        ...

    def validate(self) -> None:
        """Raises `ValueError`, in one line with field, value and what is allowed, for settings that cannot be run.

        What settings check of themselves is not looked at again: this is about files, games and devices.
        """
        ...

    def init(self, key: Array) -> PyTree:
        """The first state."""
        ...

    def update(self, key: Array, state: PyTree) -> tuple[PyTree, Metrics]:
        """The next state, and metrics of the update."""
        ...

    def evaluate(self, key: Array, state: PyTree) -> Metrics:
        """Metrics of a state; what is drawn for them is drawn from the key, another one for each seed."""
        ...

    def describe(self, state: PyTree) -> dict[str, Any]:
        """A state's policies as JSON can hold them."""
        ...


@runtime_checkable
class GameStudy(Study, Protocol):
    """A study whose players play games with each other: what cross-play and inspection need besides.

    Its settings have a `horizon`, the number of steps of a game.
    """

    def game(self) -> Game:
        """What is played."""
        ...

    def rules(self) -> dict[str, Any]:
        """The settings that say what is played and for how long, by name; runs of other ones cannot meet."""
        ...

    def policies(self, state: PyTree) -> Policies:
        """The policies in a state, one per player."""
        ...

    def evaluate(self, key: Array, state: PyTree, against: Sequence[str] = ()) -> Metrics:
        """Metrics of a state, among them `against_…`, the scores of each seat against these strategies.

        **Arguments:** the learner's `state`; names of strategies to play `against`.
        """
        ...


@runtime_checkable
class LookingAheadStudy(Study, Protocol):
    """A study whose learners may look ahead through learning steps of their opponents."""

    def opponents_ahead(self, key: Array, state: PyTree, player: int) -> tuple[Policies, Policies]:
        """What a player expects its opponents to play now, and after the steps that it looks ahead through.

        Both have a policy per seat; in the player's own it is the player's, unchanged.

        **Arguments:** the `key` of whatever is sampled; the learner's `state`; the `player`, from 0.

        **Raises:** `ValueError`, in one line, where that player looks ahead through nothing.
        """
        ...


@runtime_checkable
class EnvironmentStudy(Study, Protocol):
    """A study of an actor-critic in an environment: what `lookax play` needs besides."""

    def environment(self) -> Environment:
        """What is played."""
        ...

    def network(self, state: PyTree) -> Any:
        """The actor-critic in a state."""
        ...


def study_of(settings: Any) -> Study:
    """What computes an experiment's settings."""
    return import_named("study", settings.study)(settings)


def evaluation(study: Study, key: Array, state: PyTree) -> Metrics:
    """A study's metrics of a state, and those of one's own that its settings name, where they have `metrics`.

    Each is `"package.module:function"` of the study, the key and the state, and gives arrays by name.

    **Arguments:** the `study`; the learner's `state`.
    """
    metrics = study.evaluate(key, state)
    for name in getattr(study.settings, "metrics", ()):
        metrics = metrics | import_named("metrics", name)(study, key, state)
    return metrics


def validate(settings: Any) -> None:
    """Raises `ValueError`, in one line with field, value and what is allowed, for settings that cannot be run.

    That is also about files, games and devices, and about metrics that cannot be imported.
    """
    check_settings(settings)
    study_of(settings).validate()
    for name in getattr(settings, "metrics", ()):
        import_named("metrics", name)


def check_runnable(preset: Preset) -> None:
    """Raises `ValueError`, in one line, for a preset that cannot be run to its end: its settings, or its report."""
    validate(preset.settings)
    preset.report.check()
