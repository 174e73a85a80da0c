"""Runs presets and figures from start to finish: folders, learning, drawings, closing tables."""

import time
from collections.abc import Sequence
from pathlib import Path

from lookax.experiments.preset import Collection, Figure, Preset, Result, Table
from lookax.runs import terminal
from lookax.runs.folder import RunFolder
from lookax.runs.training import Run, train


def run_preset(preset: Preset, out: Path, figure: Figure | None) -> None:
    """Learns one preset into the new folder `out`, draws it and prints its closing table.

    **Arguments:** `figure` is what the preset is compared with, `None` for nothing (its settings were changed, say).
    """
    folder = RunFolder(out)
    [result] = _learn([preset], [folder])
    folder.write_figure(preset.report.draw([result]))
    _close(folder, (figure or preset).report.table([result]))


def reproduce(figures: Sequence[Figure], out: Path, collection: Collection | None) -> bool:
    """Learns figures' presets, each into a folder of its own in the new folder `out`, draws and compares them.

    **Arguments:** `collection`, if given, is what the figures make up; each then gets a folder inside `out`.

    **Returns:** whether everything that can be compared agrees with the published result.
    """
    verdicts: list[bool] = []
    wall, cpu = time.perf_counter(), time.process_time()
    for figure in figures:
        folder = RunFolder(out if collection is None else out / figure.name)
        folder.write_provenance()
        if collection is not None:
            terminal.say(f"\n{figure.name}: {figure.description}")
        results = _learn(figure.presets, [RunFolder(folder.path / preset.name) for preset in figure.presets])
        folder.write_figure(figure.report.draw(results))
        table = figure.report.table(results)
        _close(folder, table)
        verdicts += [verdict for verdict in table.verdicts if verdict is not None]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    agreement = f"{sum(verdicts)} of {len(verdicts)} settings that have a reference agree with it; " if verdicts else ""
    terminal.say(f"{agreement}computing took {wall:.0f} s ({cpu:.0f} CPU-s)")
    return all(verdicts)


def _learn(presets: Sequence[Preset], folders: Sequence[RunFolder]) -> list[Result]:
    for preset, folder in zip(presets, folders, strict=True):
        folder.write_config(preset.name, preset.experiment)
        folder.write_provenance()
    runs = [Run(preset.name, preset.experiment, folder) for preset, folder in zip(presets, folders, strict=True)]
    with terminal.progress(sum(preset.experiment.total_updates for preset in presets)) as advance:
        return train(runs, advance)


def _close(folder: RunFolder, table: Table) -> None:
    folder.write_table(table)
    terminal.print_table(table)
    terminal.say(f"written to {folder.path}")
