"""A page that tells of runs: curves, policies, closing tables, settings, provenance; one file that opens anywhere."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lookax.errors import BadInputError
from lookax.experiments.preset import Result
from lookax.runs.arguments import described_fields
from lookax.runs.commands.listing import Standing, preset_and_name, standings
from lookax.runs.commands.page.curves import rounded, thinned
from lookax.runs.commands.page.html import check_page, html_page
from lookax.runs.storage.config import as_fields
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.loggers import curves_by_seed
from lookax.runs.storage.metrics import History, first_update, read_history
from lookax.runs.storage.numbers import writing
from lookax.runs.storage.run import Run, distinct_names

POINTS = 500
"""Most points that a curve is drawn with; of more updates, so many are picked evenly."""

ALL_POINTS = 200_000
"""Most points of all curves together, which many runs share: a page has to open."""

FEWEST_POINTS = 40
"""Points that a curve gets however many there are."""

TITLED = 4
"""How many folders the title names."""


@dataclasses.dataclass(frozen=True)
class ReportedRun:
    """A run on the page.

    **Attributes:** the `run` and how far it has come: `standing`; its `history`, to which a run that goes on may have
    added since; the `last` update in it, -1 without any.
    """

    run: Run
    standing: Standing
    history: History
    last: int

    @classmethod
    def of(cls, run: Run, standing: Standing) -> "ReportedRun":
        """A run as it stands."""
        if standing.update is None:
            return cls(run, standing, {}, -1)
        history = read_history(run.folder.metrics)
        return cls(run, standing, history, first_update(run.folder.metrics) + max(map(len, history.values())) - 1)


def write_report(paths: Sequence[Path], out: Path) -> tuple[int, list[str]]:
    """Writes a page of all runs in folders, and in those within; one that goes on or has failed, as far as it came.

    **Returns:** how many runs it tells of, and what is wrong with those that cannot be read, a line each.

    **Raises:** `ValueError` if a folder is none, there is no run in them, or the page cannot be written.
    """
    check_page(out)
    reported, complaints = _gathered(paths)
    if not reported:
        where = ", ".join(repr(str(path)) for path in paths)
        raise BadInputError(complaints[0] if complaints else f"there are no runs in {where}; `lookax run` makes some")
    with writing(out):
        out.write_text(html_page("report", _content(_title(paths), reported, complaints)), encoding="utf-8")
    return len(reported), complaints


def _title(paths: Sequence[Path]) -> str:
    names = [path.resolve().name for path in paths]
    return ", ".join(names if len(names) <= TITLED else [*names[:TITLED], f"and {len(names) - TITLED} more"])


def _gathered(paths: Sequence[Path]) -> tuple[list[ReportedRun], list[str]]:
    found: dict[Path, ReportedRun] = {}
    complaints: list[str] = []
    for path in paths:
        runs, unreadable = standings(path)
        complaints += unreadable
        for run, standing in runs:
            try:
                found[run.folder.path.resolve()] = ReportedRun.of(run, standing)
            except BadInputError as complaint:
                complaints.append(str(complaint))
    return list(found.values()), complaints


def _content(title: str, reported: Sequence[ReportedRun], complaints: Sequence[str]) -> dict[str, Any]:
    labels = distinct_names([one.run for one in reported])
    curves, points = _curves(reported)
    return {
        "title": title,
        "complaints": complaints,
        "runs": [_run(one, label) for one, label in zip(reported, labels, strict=True)],
        "points": points,
        "curves": curves,
        "without_curves": _without_curves(reported),
        "maps": _maps(reported),
        "tables": _tables([one.run for one in reported], labels),
        "settings": _settings([one.run for one in reported]),
        "provenance": _provenance([one.run for one in reported]),
    }


def _run(one: ReportedRun, label: str) -> dict[str, Any]:
    standing = one.standing
    return {
        "label": label,
        "preset": preset_and_name(one.run),
        "folder": str(one.run.folder.path),
        "state": standing.state,
        "updates": f"{standing.update or 0} of {one.run.settings.total_updates}",
        "seeds": one.run.settings.seeds,
        "started": f"{standing.started:%Y-%m-%d %H:%M}" if standing.started else "–",
        "headline": {name: f"{value:.4g}" for name, value in standing.headline.items()},
        "failure": standing.failure,
    }


def _curves(reported: Sequence[ReportedRun]) -> tuple[list[dict[str, Any]], int]:
    """For every number that gets a curve, means over seeds and their intervals, by run and update.

    Headline metrics come first. And with how many points a curve is drawn at most.
    """
    by_run = [curves_by_seed(one.history) for one in reported]
    metrics = dict.fromkeys(name for one in reported for name in (*one.run.preset.report.headline, *one.history))
    order = {metric: place for place, metric in enumerate(metrics)}
    names = sorted(
        dict.fromkeys(name for curves in by_run for name in curves), key=lambda name: order[name.split("/")[0]]
    )
    points = max(FEWEST_POINTS, min(POINTS, ALL_POINTS // max(1, sum(map(len, by_run)))))
    found = []
    for name in names:
        own = {
            str(number): thinned(name, curves[name], one.last, points)
            for number, (one, curves) in enumerate(zip(reported, by_run, strict=True))
            if name in curves
        }
        are_shares = any(curves[name].dtype == bool for curves in by_run if name in curves)
        found.append({"name": name, "metric": name.split("/")[0], "are_shares": are_shares, "runs": own})
    return found, points


def _without_curves(reported: Sequence[ReportedRun]) -> list[str]:
    """Metrics of more numbers than get a curve each, and how many those are."""
    found = {
        name: f"{name} ({' × '.join(map(str, values.shape[2:]))} numbers per seed)"
        for one in reported
        for name, values in one.history.items()
        if not curves_by_seed({name: values})
    }
    return list(found.values())


def _maps(reported: Sequence[ReportedRun]) -> list[dict[str, Any]]:
    found = []
    for number, one in enumerate(reported):
        if not one.history:
            continue
        result = Result(one.run.name, one.run.settings, one.history)
        heat_maps = one.run.preset.report.heat_maps(result, list(one.run.folder.policies().values()))
        found += [
            {
                "run": number,
                "update": one.last,
                "title": heat_map.title,
                "rows": heat_map.rows,
                "columns": heat_map.columns,
                "values": [rounded(row) for row in heat_map.values],
            }
            for heat_map in heat_maps
        ]
    return found


def _tables(runs: Sequence[Run], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Closing tables of runs, and of the figures that they are part of."""
    titles: dict[Path, str] = {}
    for run, label in zip(runs, labels, strict=True):
        folder = run.folder.path.resolve()
        titles.setdefault(folder.parent, folder.parent.name)
        titles[folder] = label
    tables = ((title, RunFolder(folder).table()) for folder, title in titles.items())
    return [{"title": title, **table} for title, table in tables if table is not None]


def _settings(runs: Sequence[Run]) -> dict[str, Any]:
    """Fields of settings and of what is recorded: those that differ, by run, and those that all share."""
    fields = [{"preset": run.preset.name} | as_fields(run.settings) | as_fields(run.recording) for run in runs]
    meanings = {
        field.name: field.meaning
        for run in runs
        for settings in (run.settings, run.recording)
        for field in described_fields(settings)
    }
    names = dict.fromkeys(name for own in fields for name in own)
    texts = {name: [str(own[name]) if name in own else "–" for own in fields] for name in names}
    differing = [name for name in names if len(set(texts[name])) > 1]
    return {
        "differing": [{"name": name, "meaning": meanings.get(name, ""), "values": texts[name]} for name in differing],
        "shared": [
            {"name": name, "meaning": meanings.get(name, ""), "value": texts[name][0]}
            for name in names
            if name not in differing
        ],
    }


def _provenance(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What runs were run with, once for all that were run alike: by which command, and when."""
    found: dict[tuple[tuple[str, str], ...], dict[str, list[tuple[int, str]]]] = {}
    for number, run in enumerate(runs):
        for entry in run.folder.provenance():
            texts = {name: _text(value) for name, value in entry.items()}
            command, time = texts.pop("command"), datetime.fromisoformat(texts.pop("time")).astimezone()
            commands = found.setdefault(tuple(texts.items()), {})
            commands.setdefault(command, []).append((number, f"{time:%Y-%m-%d %H:%M:%S}"))
    return [{"with": dict(alike), "commands": commands} for alike, commands in found.items()]


def _text(value: Any) -> str:
    """As a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
