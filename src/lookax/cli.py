"""The command `lookax`: words on the command line, and what to say when they make no sense.

What computes is imported where something is computed, so that everything else is answered at once.
"""

import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lookax import __version__, beginning, commands, completion, opened
from lookax.errors import BadInputError
from lookax.experiments.plugins import find_figure, find_preset, load_entry_points, load_plugin
from lookax.experiments.preset import Collection, Figure, Preset, Table
from lookax.experiments.registry import COLLECTIONS, FIGURES, look_up, starting_points
from lookax.opened import OpenRun
from lookax.options import (
    CrossPlayOptions,
    EvaluateOptions,
    ExportOptions,
    InspectOptions,
    LeagueOptions,
    PlayOptions,
    ReportOptions,
    ReproduceOptions,
    ResumeOptions,
    ResumeSearchOptions,
    RunOptions,
    SearchOptions,
    StudioOptions,
    SweepCluster,
    SweepOptions,
)
from lookax.runs.arguments import fields_table, parse, settings_table
from lookax.runs.commands import terminal
from lookax.runs.commands.listing import listing, standings
from lookax.runs.commands.reproduction import Reproduction, stored_reproduction
from lookax.runs.errors import RunFailedError, StoppedError
from lookax.runs.processes import is_first_process
from lookax.runs.storage.config import read_any
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run, read_config
from lookax.runs.sweeps.combinations import Sweep, parse_set, stored_sweep
from lookax.runs.sweeps.search import Search, parse_spaces, stored_search
from lookax.usage import HELP, NO_FILE, NO_FOLDER, NO_NAME, OPTIONS, USAGE, options_of, usage_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns 0, 1 for a result that is not finite or disagrees, 2 for words that make no sense."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    plugins = list(_leading_plugins(words))
    command, *rest = words or ["--help"]
    asked = rest[:1] in ([word] for word in HELP)
    if asked and command in OPTIONS:
        terminal.say(usage_of(command))
        terminal.print_table(fields_table(options_of(command)), prose=True)
        return 0
    if command in HELP or asked:
        terminal.say(USAGE)
        return 0
    if command == "--version":
        terminal.say(__version__)
        return 0
    try:
        for plugin in plugins:
            load_plugin(plugin)
        return look_up("command", command, COMMANDS)(rest)
    except BadInputError as mistake:
        return _refuse(f"lookax {command}: {mistake}", 2)
    except RunFailedError as failure:
        return _refuse(f"lookax {command}: {failure}", 1)
    except StoppedError as stopped:
        return _refuse(f"lookax {command}: {stopped}", stopped.exit_status)
    except OSError as reason:
        return _refuse(f"lookax {command}: {reason}", 1)
    except KeyboardInterrupt:
        return _refuse(f"lookax {command}: interrupted", 130)


def _leading_plugins(words: list[str]) -> Iterator[str]:
    """The values of `--plugin` before the command, which are taken out of the words."""
    while words[:1] == ["--plugin"] or (words and words[0].startswith("--plugin=")):
        option = words.pop(0)
        yield option.removeprefix("--plugin=") if "=" in option else (words.pop(0) if words else "")


def _list(arguments: Sequence[str]) -> int:
    if arguments:
        [name] = _take(arguments, 1)
        chosen = find_figure(name)
        if isinstance(chosen, Collection):
            _print_list("figure", "lookax reproduce FIGURE", {figure.name: figure for figure in chosen.figures})
        else:
            _print_list("preset", "lookax run PRESET", {preset.name: preset for preset in chosen.presets})
        return 0
    load_entry_points()
    _print_list("figure", "lookax reproduce FIGURE; lookax list FIGURE names its presets", FIGURES | COLLECTIONS)
    _print_list("preset of no figure", "lookax run PRESET", starting_points())
    return 0


def _print_list(what: str, heading: str, named: Mapping[str, Figure | Preset | Collection]) -> None:
    rows = [[name, item.description] for name, item in named.items()]
    terminal.print_table(Table((what, heading), rows, [None] * len(rows)), prose=True)


def _show(arguments: Sequence[str]) -> int:
    [name] = _take(arguments, 1)
    preset = find_preset(name)
    terminal.say(f"{preset.name}: {preset.description}")
    terminal.print_table(settings_table(preset.settings), prose=True)
    return 0


def _run(arguments: Sequence[str]) -> int:
    run, rest, file = _run_named(arguments)
    if any(word in HELP for word in rest):
        terminal.say(f"usage: lookax run {run.preset.name} [--field value …]\n\n{run.preset.description}")
        terminal.print_table(settings_table(RunOptions(run.settings, run.recording)), prose=True)
        return 0
    options = parse(RunOptions(run.settings, run.recording), rest, "lookax run")
    options.distribution.validate()
    if file is not None:
        run.validate(file)
    chosen = dataclasses.replace(run.preset, settings=options.settings)
    new = dataclasses.replace(run, preset=chosen, recording=options.recording)
    _close(opened.begin(new, options.out, options.distribution))
    return 0


def _close(run: OpenRun) -> None:
    """Prints a run's closing table, in the process that has written it."""
    folder = RunFolder(run.path)
    table = folder.table() if is_first_process() else None
    if table is not None:
        terminal.print_closing(Table(**table), run.path)


def _run_named(arguments: Sequence[str]) -> tuple[Run, Sequence[str], Path | None]:
    """The run that a preset's name or `--config FILE` stands for, what comes after it, and the file, not validated."""
    option, equals, value = (arguments[0] if arguments else "").partition("=")
    if option == "--config":
        arguments = [option, value, *arguments[1:]] if equals else arguments
        [file], rest = _take(arguments[1:2], 1, NO_FILE), arguments[2:]
        return read_config(read_any(Path(file)), Path(file), RunFolder(Path())), rest, Path(file)
    [name], rest = _take(arguments[:1], 1), arguments[1:]
    preset = find_preset(name)
    return Run(preset.name, preset, RunFolder(Path()), Recording()), rest, None


def _reproduce(arguments: Sequence[str]) -> int:
    [name], rest = _take(arguments[:1], 1), arguments[1:]
    options = parse(ReproduceOptions(), rest, f"lookax reproduce {name}")
    options.recording.validate()
    name = options.figure(name)
    reproduction = Reproduction(name, options.seeds, options.first_seed, options.recording)
    return _reproduced(reproduction, lambda: opened.new_folder(options.out, name))


def _reproduced(reproduction: Reproduction, out: Callable[[], Path]) -> int:
    tables = beginning.begin_reproduction(reproduction, out)
    return 1 if any(verdict is False for table in tables.values() for verdict in table.verdicts) else 0


def _sweep(arguments: Sequence[str]) -> int:
    run, rest, file = _run_named(arguments)
    if file is not None:
        run.validate(file)
    spaces, rest = _taken_out("--optimise", rest)
    if spaces:
        return _search(run, spaces, rest)
    values, rest = _taken_out("--set", rest)
    if not values:
        raise BadInputError("set: is missing; give --set field=value,value,… for the fields to sweep, or --optimise")
    options = parse(SweepOptions(run.settings, run.recording), rest, f"lookax sweep {run.name}")
    options.recording.validate()
    options.cluster.validate()
    preset = dataclasses.replace(run.preset, settings=options.settings)
    sweep = Sweep(preset, parse_set(values), options.recording)
    return 0 if beginning.begin_sweep(sweep, options.cluster, options.out)[1] else 1


def _taken_out(option: str, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """All values of an option that may be there several times, and the other arguments."""
    values, rest, words = [], [], iter(arguments)
    for word in words:
        if word == option:
            values.append(next(words, ""))
        elif word.startswith(f"{option}="):
            values.append(word.removeprefix(f"{option}="))
        else:
            rest.append(word)
    return values, rest


def _search(run: Run, spaces: Sequence[str], rest: Sequence[str]) -> int:
    options = parse(SearchOptions(run.settings, run.recording), rest, f"lookax sweep {run.name}")
    options.recording.validate()
    preset = dataclasses.replace(run.preset, settings=options.settings)
    search = Search(preset, parse_spaces(spaces), options.goal, options.recording)
    _, sound = beginning.go_on_with_search(search, lambda: opened.new_folder(options.out, f"{preset.name}-search"))
    return 0 if sound else 1


def _resume(arguments: Sequence[str]) -> int:
    [name], rest = _take(arguments[:1], 1, NO_FOLDER), arguments[1:]
    folder = Path(name)
    content = RunFolder(folder).config()
    if "sweep" in content:
        cluster = parse(SweepCluster(), rest, f"lookax resume {name}")
        return 0 if beginning.go_on_with_sweep(stored_sweep(content), cluster, lambda: folder)[1] else 1
    if "search" in content:
        trials = parse(ResumeSearchOptions(), rest, f"lookax resume {name}").trials
        return 0 if beginning.go_on_with_search(stored_search(content, trials), lambda: folder)[1] else 1
    if "preset" not in content:
        if rest:
            raise BadInputError(f"{rest[0]!r} is not allowed; a reproduction goes on as it was begun")
        return _reproduced(stored_reproduction(content, folder), lambda: folder)
    before = opened.own_run(folder)
    options = parse(ResumeOptions(before.settings, before.recording), rest, f"lookax resume {name}")
    options.distribution.validate()
    _close(opened.go_on(before, options.settings, options.recording, options.distribution))
    return 0


def _runs(arguments: Sequence[str]) -> int:
    [name] = _take(arguments, 1) if arguments else ["runs"]
    if not arguments and not Path(name).is_dir():
        terminal.say("there are no runs here yet; `lookax run PRESET` makes one, `lookax runs DIR` names those in DIR")
        return 0
    found, complaints = standings(Path(name))
    if found:
        terminal.print_table(listing(found, Path(name)))
    elif not complaints:
        terminal.say(f"{name} holds no runs; `lookax run PRESET --out DIR` makes one")
    for complaint in complaints:
        sys.stderr.write(f"lookax runs: {complaint}\n")
    return 0


def _evaluate(arguments: Sequence[str]) -> int:
    name, rest = _folder(arguments)
    options = parse(EvaluateOptions(), rest, f"lookax evaluate {name}")

    from lookax.runs.commands.evaluate import run_evaluate

    opened.start_jax()
    run_evaluate(Path(name), options.update, options.against)
    return 0


def _inspect(arguments: Sequence[str]) -> int:
    name, rest = _folder(arguments)
    options = parse(InspectOptions(), rest, f"lookax inspect {name}")

    from lookax.runs.commands.inspect import run_inspect

    opened.start_jax()
    run_inspect(Path(name), options.update, options.seed, options.against)
    return 0


def _play(arguments: Sequence[str]) -> int:
    name, rest = _folder(arguments)
    options = parse(PlayOptions(), rest, f"lookax play {name}")

    from lookax.runs.commands.play import run_play

    opened.start_jax()
    run_play(Path(name), options.update, options.games, options.greedy, options.video)
    return 0


def _export(arguments: Sequence[str]) -> int:
    name, rest = _folder(arguments)
    options = parse(ExportOptions(), rest, f"lookax export {name}")
    out = commands.export(name, seed=options.seed, player=options.player, update=options.update, out=options.out)
    terminal.say(f"an agent in {out}")
    return 0


def _crossplay(arguments: Sequence[str]) -> int:
    folders, rest = _folders(arguments)
    options = parse(CrossPlayOptions(), rest, "lookax crossplay")
    if not folders:
        raise BadInputError(NO_FOLDER)

    from lookax.runs.commands.crossplay import run_crossplay

    opened.start_jax()
    run_crossplay(folders, options.games, options.out)
    return 0


def _league(arguments: Sequence[str]) -> int:
    folders, rest = _folders(arguments)
    options = parse(LeagueOptions(), rest, "lookax league")
    options.cluster.validate()
    if not folders:
        raise BadInputError(NO_FOLDER)

    from lookax.runs.commands.league import run_league

    opened.start_jax()
    engine = beginning.league_engine(options.cluster)
    run_league(folders, options.games, options.best_response, engine, options.out)
    return 0


def _report(arguments: Sequence[str]) -> int:
    folders, rest = _folders(arguments)
    options = parse(ReportOptions(), rest, "lookax report")
    if not folders:
        raise BadInputError(NO_FOLDER)

    from lookax.runs.commands.report import write_report

    number, complaints = write_report(folders, options.out)
    terminal.say(f"{number} run{'' if number == 1 else 's'} in {options.out}")
    for complaint in complaints:
        sys.stderr.write(f"lookax report: {complaint}\n")
    return 0


def _studio(arguments: Sequence[str]) -> int:
    folders, rest = _folders(arguments)
    options = parse(StudioOptions(), rest, "lookax studio")
    commands.studio(folders or [Path("runs")], port=options.port)

    from lookax.runs.studio.server import end_if_computing

    end_if_computing()
    return 0


def _completion(arguments: Sequence[str]) -> int:
    [shell] = _take(arguments, 1, "the shell is missing; name bash, zsh or fish")
    terminal.say(completion.script(shell, tuple(COMMANDS)))
    return 0


def _doctor(arguments: Sequence[str]) -> int:
    _take(arguments, 0)

    from lookax.diagnosis.doctor import doctor

    found = doctor()
    terminal.say(str(found))
    return 0 if found.healthy else 1


def _folder(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The folder that comes first, and what comes after it."""
    if not arguments or arguments[0].startswith("-"):
        raise BadInputError(NO_FOLDER)
    return arguments[0], arguments[1:]


def _folders(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Folders, and options with a value each that stand before, between or after them."""
    words, folders, rest = iter(arguments), [], []
    for word in words:
        if word.startswith("-"):
            rest += [word, *itertools.islice(words, 0 if "=" in word else 1)]
        else:
            folders.append(Path(word))
    return folders, rest


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": _list,
    "show": _show,
    "run": _run,
    "reproduce": _reproduce,
    "sweep": _sweep,
    "resume": _resume,
    "runs": _runs,
    "evaluate": _evaluate,
    "inspect": _inspect,
    "crossplay": _crossplay,
    "league": _league,
    "play": _play,
    "export": _export,
    "report": _report,
    "completion": _completion,
    "studio": _studio,
    "doctor": _doctor,
}


def _take(arguments: Sequence[str], number: int, missing: str = NO_NAME) -> Sequence[str]:
    if len(arguments) < number:
        raise BadInputError(missing)
    if len(arguments) > number:
        raise BadInputError(f"{' '.join(arguments[number:])!r} is not allowed; it takes {number or 'no'} name")
    return arguments


def _refuse(message: str, status: int) -> int:
    sys.stderr.write(message + "\n")
    return status
