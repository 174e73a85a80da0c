"""Runs presets and figures from start to finish: folders, learning, drawings, closing tables."""

import time
from collections.abc import Sequence
from pathlib import Path

from lookax.experiments.exact_reports import draw_run, tit_for_tat_table
from lookax.experiments.preset import Figure, Preset, Result, Table
from lookax.runs import terminal
from lookax.runs.folder import RunFolder
from lookax.runs.training import Run, train


def run_preset(preset: Preset, out: Path, figure: Figure | None) -> None:
    """Learns one preset into the new folder `out`, draws it and prints its closing table.

    **Arguments:** `figure` is what the preset is compared with, `None` for nothing (its settings were changed, say).
    """
    folder = RunFolder(out)
    [result] = _learn([preset], [folder])
    folder.write_figure(draw_run([result]))
    _close(folder, tit_for_tat_table([result], {}) if figure is None else figure.table([result]))


def reproduce(figure: Figure, presets: Sequence[Preset], out: Path) -> bool:
    """Learns a figure's presets, each into a folder of its own in the new folder `out`, draws and compares them.

    **Returns:** whether everything that can be compared agrees with the published result.
    """
    whole = RunFolder(out)
    whole.write_provenance()
    wall, cpu = time.perf_counter(), time.process_time()
    results = _learn(presets, [RunFolder(out / preset.name) for preset in presets])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    whole.write_figure(figure.draw(results))
    table = figure.table(results)
    _close(whole, table)
    verdicts = [verdict for verdict in table.verdicts if verdict is not None]
    terminal.say(
        f"{sum(verdicts)} of {len(verdicts)} settings that have a reference agree with it; "
        f"computing took {wall:.0f} s ({cpu:.0f} CPU-s)"
    )
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
