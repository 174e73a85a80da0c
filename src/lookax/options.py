"""The options of every command, as dataclasses that `lookax.runs.arguments` reads words into."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lookax.errors import check, check_at_least, check_positive
from lookax.experiments.plugins import find_figure
from lookax.experiments.registry import FIGURES
from lookax.runs.processes import Distribution
from lookax.runs.storage.run import Recording
from lookax.runs.sweeps.search import Goal


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Learns a preset, into a new folder."""

    settings: Any
    """The preset's settings."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    distribution: Distribution = dataclasses.field(default_factory=Distribution)
    """Whether it is one of several processes."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""


@dataclasses.dataclass(frozen=True)
class ResumeOptions:
    """Goes on with a run."""

    settings: Any
    """The run's settings."""
    recording: Recording
    """What is recorded when."""
    distribution: Distribution = dataclasses.field(default_factory=Distribution)
    """Whether it is one of several processes."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where programs are computed."""

    engine: Literal["local", "ray"] = "local"
    """One after the other in this process, or as tasks of a Ray cluster (extra cluster)."""
    address: str | None = None
    """The Ray cluster's, auto for the one that this machine belongs to; None to start one of this machine's cores."""

    def validate(self) -> None:
        """Raises `ValueError` for an address without a cluster."""
        check(self.engine == "ray" or self.address is None, "address", self.address, "None with the local engine")


@dataclasses.dataclass(frozen=True)
class SweepCluster:
    """Where a sweep's programs are computed."""

    engine: Literal["local", "ray", "slurm"] = "local"
    """One after the other in this process, as tasks of a Ray cluster (extra cluster), or as jobs of Slurm (slurm)."""
    address: str | None = None
    """The Ray cluster's, auto for this machine's; local for Slurm jobs that are processes here; None for neither."""
    cluster_partition: str | None = None
    """Slurm's partition; None for its default."""
    cluster_minutes: int = 240
    """Minutes that Slurm gives a job; one that needs more is queued again, and resumes."""
    cluster_cpus: int = 1
    """Cores of a job of Slurm's."""
    cluster_gpus: int = 0
    """GPUs of a job of Slurm's."""
    cluster_memory_gb: float = 8.0
    """Memory of a job of Slurm's, in GB."""
    cluster_jobs: int = 64
    """Most jobs of Slurm's at a time."""

    def validate(self) -> None:
        """Raises `ValueError`, in one line, for what does not go together or is out of range."""
        allowed = {"local": "None with the local engine", "slurm": "None or local with the slurm engine"}
        known = self.address is None or self.engine == "ray" or (self.engine, self.address) == ("slurm", "local")
        check(known, "address", self.address, allowed.get(self.engine, ""))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.startswith("cluster_"):
                unused = f"left out with the {self.engine} engine"
                check(self.engine == "slurm" or value == field.default, field.name, value, unused)
        for name, least in {"minutes": 1, "cpus": 1, "gpus": 0, "jobs": 1}.items():
            check_at_least(f"cluster_{name}", getattr(self, f"cluster_{name}"), least)
        check_positive("cluster_memory_gb", self.cluster_memory_gb)

    def resources(self) -> dict[str, Any]:
        """What a job is given, as submitit names it."""
        return {
            "timeout_min": self.cluster_minutes,
            "cpus_per_task": self.cluster_cpus,
            "gpus_per_node": self.cluster_gpus,
            "mem_gb": self.cluster_memory_gb,
            "slurm_partition": self.cluster_partition,
            "slurm_array_parallelism": self.cluster_jobs,
        }


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Learns a preset with every combination of fields' values, into a new folder."""

    settings: Any
    """Settings that all have in common."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    cluster: SweepCluster = dataclasses.field(default_factory=SweepCluster)
    """Where programs are computed."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """Searches fields of a preset for good values, into a new folder."""

    settings: Any
    """Settings that all trials have in common."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    goal: Goal = dataclasses.field(default_factory=Goal)
    """What the search is for, and how it goes about that."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""


@dataclasses.dataclass(frozen=True)
class ResumeSearchOptions:
    """Goes on with a search."""

    trials: int | None = None
    """How many settings are tried in all; None for as many as before."""


@dataclasses.dataclass(frozen=True)
class ReproduceOptions:
    """Learns a published figure's presets, draws the figure and compares it with the published result."""

    seeds: int | None = None
    """How many runs of every preset; None for as many as each says."""
    first_seed: int = 0
    """Seed of the first run."""
    scale: Literal["paper", "laptop"] = "paper"
    """As published, or as small as shows the same on a laptop, for figures that have both."""
    recording: Recording = dataclasses.field(default_factory=Recording)
    """What is recorded when."""
    out: Path | None = None
    """The folder to make; None for a new one under runs/."""

    def figure(self, name: str) -> str:
        """The figure of that name at this scale.

        **Raises:** `ValueError` if there is none of that name, or it has no such scale.
        """
        find_figure(name)
        smaller = f"{name}-laptop"
        check(self.scale == "paper" or smaller in FIGURES, "scale", self.scale, f"paper for {name}")
        return name if self.scale == "paper" else smaller


@dataclasses.dataclass(frozen=True)
class CheckpointOptions:
    """Which checkpoint of a run."""

    update: int | None = None
    """The update that it is of; None for the newest."""


@dataclasses.dataclass(frozen=True)
class EvaluateOptions(CheckpointOptions):
    """Replays a checkpoint of a run."""

    against: Path | None = None
    """A file of agents, an .npz, to play against as well; None for none."""


@dataclasses.dataclass(frozen=True)
class InspectOptions(EvaluateOptions):
    """Looks at the agents in a checkpoint of a run."""

    seed: int | None = None
    """The random seed whose agents are looked at; None for all."""


@dataclasses.dataclass(frozen=True)
class PlayOptions(CheckpointOptions):
    """Has actor-critics in a checkpoint of a run play whole games."""

    games: int = 30
    """How many games every seed plays."""
    greedy: bool = False
    """Always the likeliest action, instead of draws."""
    video: Path | None = None
    """A .gif to draw the first game in."""


@dataclasses.dataclass(frozen=True)
class ExportOptions(CheckpointOptions):
    """Writes one agent in a checkpoint of a run into a folder, for use without lookax."""

    seed: int | None = None
    """The random seed whose agent it is; None for the run's first."""
    player: int = 0
    """Which player's, from 0."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("agent")
    """The folder to make."""


@dataclasses.dataclass(frozen=True)
class CrossPlayOptions:
    """Has agents of runs and of files play with each other."""

    games: int = 500
    """How many games every pair of agents plays."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("crossplay.png")
    """The drawing to make, with a file of numbers beside it, in place of those that this has made before."""


@dataclasses.dataclass(frozen=True)
class LeagueOptions:
    """Has all agents of runs and fixed strategies play with each other, in both seats."""

    games: int = 500
    """How many games every pair of agents plays in each seat."""
    best_response: int | None = None
    """How many updates a learner makes against every agent, to exploit it; None for no such learner."""
    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    """Where it is computed."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("league.html")
    """The page to write, with a drawing and numbers beside it, in place of those that this has made before."""


@dataclasses.dataclass(frozen=True)
class StudioOptions:
    """Serves a page about runs, on which a person plays against their agents."""

    port: int = 8765
    """Where on this machine it is served; 0 for any port that is free."""


@dataclasses.dataclass(frozen=True)
class ReportOptions:
    """Tells of runs in one page."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("report.html")
    """The page to write, in place of one that is there."""
