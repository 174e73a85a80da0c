"""A run, opened: its metrics, settings, states and agents as objects of Python."""

import base64
import dataclasses
import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookax.errors import check
from lookax.runs.commands.listing import Standing
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.loggers import curves_by_seed
from lookax.runs.storage.metrics import read_history
from lookax.runs.storage.run import Run, read_run

if TYPE_CHECKING:
    import pandas as pd
    from jaxtyping import PyTree

    from lookax.policies.player import Player


@dataclasses.dataclass(frozen=True)
class OpenRun:
    """A run's folder, read as it is at present; a run that goes on may have more a moment later.

    **Attributes:**

    - `path`: its folder.
    """

    path: Path

    @property
    def run(self) -> Run:
        """What is being run: name, preset with its settings, what is recorded when."""
        return read_run(self.path)

    @property
    def settings(self) -> Any:
        """Its settings, a dataclass."""
        return self.run.settings

    @property
    def config(self) -> dict[str, Any]:
        """Its settings and what is recorded when, by the fields' names."""
        return as_fields(self.run.settings) | as_fields(self.run.recording)

    @property
    def metrics(self) -> "pd.DataFrame":
        """A row per update and seed: `update`, `seed`, and the metrics that are numbers.

        Metrics of several numbers, such as one per player, have a column for each, counted from 1 (`returns/1`), as a
        sweep's `results.csv` has; those of many, such as tables of policies, have none. What is measured by updates is
        missing (NaN) at update 0.

        ```python
        run.metrics.groupby("update")["returns/1"].mean()
        ```
        """
        import pandas as pd

        run = self.run
        history = read_history(run.folder.metrics) if run.folder.metrics.exists() else {}
        if not history:
            return pd.DataFrame(columns=["update", "seed"])
        seeds = range(run.settings.first_seed, run.settings.first_seed + run.settings.seeds)
        last = _last_update(self.path)
        frames = []
        for name, values in curves_by_seed(history).items():
            updates = range(last + 1 - len(values), last + 1)
            index = pd.MultiIndex.from_product([updates, seeds], names=["update", "seed"])
            frames.append(pd.Series(values.reshape(-1), index, name=name))
        return pd.concat(frames, axis=1).sort_index().reset_index()

    @property
    def final_states(self) -> "PyTree":
        """The states of all seeds in the newest sound checkpoint, arrays of NumPy `[seeds, …]`.

        **Raises:** `ValueError` if there is none.
        """
        from lookax.runs.programs.saved import read_saved

        return read_saved(self.run, None).state

    def agent(self, *, seed: int, player: int = 0, update: int | None = None) -> "Player":
        """The policy of one player, which acts on observations.

        **Arguments:**

        - `seed`: of the run's.
        - `player`: from 0.
        - `update`: whose checkpoint; the newest unless given.

        **Raises:** `ValueError` for a seed, player or update that there is not, or a player that is a fixed strategy.
        """
        import jax
        import jax.numpy as jnp

        from lookax.policies.player import Player
        from lookax.runs.programs.saved import read_saved

        saved = read_saved(self.run, update)
        check(seed in saved.seeds, "seed", seed, f"one of {saved.seeds[0]} … {saved.seeds[-1]}")
        place = saved.seeds.index(seed)
        policies = getattr(saved.state, "policies", ())
        check(0 <= player < len(policies), "player", player, f"one of the {len(policies)} players, from 0")
        return Player(jax.tree.map(lambda leaf: jnp.asarray(leaf[place]), policies[player]))

    def resume(self, **fields: Any) -> "OpenRun":
        """Goes on where it stopped; see [`resume`][lookax.commands.resume]."""
        from lookax.commands import resume

        return resume(self.path, **fields)

    def figure(self) -> Any:
        """Its figure, drawn by matplotlib from the metrics that there are."""
        run = self.run
        return run.preset.report.draw([run.result()])

    def table(self) -> Any:
        """Its closing table, from the metrics that there are."""
        run = self.run
        return run.preset.report.table([run.result()])

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        run = self.run
        standing = Standing.of(run)
        reached = f"{standing.update or 0} of {run.settings.total_updates} updates"
        numbers = "".join(f", {name} {value:.4g}" for name, value in standing.headline.items())
        return f"<{run.preset.name} in {self.path}: {standing.state}, {reached}, {run.settings.seeds} seeds{numbers}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: where it is, how far it has come, and its figure."""
        drawn = self.path / "figure.png"
        picture = ""
        if drawn.exists():
            data = base64.b64encode(drawn.read_bytes()).decode()
            picture = f'<img src="data:image/png;base64,{data}" style="max-width: 40em" alt="figure">'
        return f"<p>{html.escape(repr(self))}</p>{picture}"


def _last_update(path: Path) -> int:
    from lookax.runs.storage.metrics import rows_of

    return rows_of(path / "metrics.jsonl")[-1]["update"]
