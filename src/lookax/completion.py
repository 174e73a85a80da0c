"""Scripts that complete the command in a shell: commands, presets, figures, fields, choices; the shell does folders.

All words are in the script, so that completing starts no Python. Whoever registers presets prints it again.
"""

import shlex
from collections.abc import Mapping, Sequence

from lookax.errors import check
from lookax.experiments.plugins import load_entry_points
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.options import (
    CrossPlayOptions,
    EvaluateOptions,
    InspectOptions,
    LeagueOptions,
    PlayOptions,
    ReportOptions,
    ReproduceOptions,
    RunOptions,
    SearchOptions,
    SweepOptions,
)
from lookax.runs.arguments import Field, described_fields
from lookax.runs.storage.run import Recording

SHELLS = ("bash", "zsh", "fish")

Groups = Sequence[tuple[Sequence[str], Sequence[Field]]]

OPTIONS = {
    "reproduce": ReproduceOptions(),
    "evaluate": EvaluateOptions(),
    "inspect": InspectOptions(),
    "crossplay": CrossPlayOptions(),
    "league": LeagueOptions(),
    "play": PlayOptions(),
    "report": ReportOptions(),
    "resume": Recording(),
}

BASH = """\
_lookax() {{
    local cur prev first=1 command name words=
    COMPREPLY=()
    cur=${{COMP_WORDS[COMP_CWORD]}}
    prev=${{COMP_WORDS[COMP_CWORD-1]}}
    while [ "${{COMP_WORDS[first]}}" = --plugin ]; do first=$((first + 2)); done
    if [ "$COMP_CWORD" -lt "$first" ]; then return; fi
    command=${{COMP_WORDS[first]}}
    name=${{COMP_WORDS[first+1]}}
    if [ "$COMP_CWORD" -eq "$first" ]; then
        words="{commands} --plugin --version --help"
    elif [ "$COMP_CWORD" -eq "$((first + 1))" ] && [ "$cur" = "${{cur#-}}" ]; then
        case "$command" in
            show|run|sweep) words="{presets}" ;;
            list|reproduce) words="{figures}" ;;
            completion) words="{shells}" ;;
        esac
    else
        case "$command:$prev" in
            {choices}
            *)
                case "$command" in
                    run|sweep)
                        words="--config"
                        case "$name" in
                            {groups}
                        esac
                        if [ "$prev" = --set ] || [ "$prev" = --optimise ]; then
                            words=" $words"
                            words="${{words// --/ }}"
                            words="${{words//-/_}}"
                        elif [ "$cur" = "${{cur#-}}" ]; then
                            words=
                        elif [ "$command" = sweep ]; then
                            words="$words {sweep}"
                        fi ;;
                    {options}
                esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _lookax lookax
"""


def script(shell: str, commands: Sequence[str]) -> str:
    """What a shell is to read for completing the command.

    **Arguments:** the `shell`: bash, zsh or fish; the names of all `commands`.

    **Raises:** `ValueError`, in one line, for another shell.
    """
    check(shell in SHELLS, "shell", shell, ", ".join(SHELLS))
    load_entry_points()
    groups = _groups()
    if shell == "fish":
        return _fish(commands, groups)
    # zsh reads scripts for bash by a module that comes with it.
    return ("autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else "") + _bash(commands, groups)


def _groups() -> Groups:
    """Presets by the fields that they have."""
    found: dict[tuple[str, ...], tuple[list[str], list[Field]]] = {}
    for name, preset in PRESETS.items():
        fields = described_fields(RunOptions(preset.settings))
        found.setdefault(tuple(field.name for field in fields), ([], fields))[0].append(name)
    return list(found.values())


def _sweep_fields() -> list[Field]:
    """What sweeps and searches have that runs have not."""
    own = {field.name for field in described_fields(RunOptions(Recording()))}
    both = [*described_fields(SweepOptions(Recording())), *described_fields(SearchOptions(Recording()))]
    return [field for field in both if field.name not in own]


def _choices(groups: Groups) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What there is to choose from, by command and option."""
    listed = [("run", field) for _, fields in groups for field in fields]
    listed += [("sweep", field) for _, field in listed] + [("sweep", field) for field in _sweep_fields()]
    listed += [(command, field) for command, options in OPTIONS.items() for field in described_fields(options)]
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for command, field in listed:
        if field.choices:
            before = found.get((command, field.option), ())
            found[command, field.option] = tuple(dict.fromkeys([*before, *field.choices]))
    return found


def _options(fields: Sequence[Field]) -> str:
    return " ".join(field.option for field in fields)


def _bash(commands: Sequence[str], groups: Groups) -> str:
    choices = [f'{c}:{option}) words="{" ".join(own)}" ;;' for (c, option), own in _choices(groups).items()]
    cases = [f'{"|".join(names)}) words="{_options(fields)}" ;;' for names, fields in groups]
    options = [f'{name}) words="{_options(described_fields(own))}" ;;' for name, own in OPTIONS.items()]
    return BASH.format(
        commands=" ".join(commands),
        presets=" ".join(PRESETS),
        figures=" ".join(FIGURES | COLLECTIONS),
        shells=" ".join(SHELLS),
        choices="\n            ".join(choices),
        groups="\n                            ".join(cases),
        options="\n                    ".join(options),
        sweep=f"--set --optimise {_options(_sweep_fields())}",
    )


def _fish(commands: Sequence[str], groups: Groups) -> str:
    lines = [_fish_words("__fish_use_subcommand", commands)]
    named = {"show run sweep": PRESETS, "list reproduce": FIGURES | COLLECTIONS, "completion": SHELLS}
    lines += [_fish_words(f"__fish_seen_subcommand_from {of}", list(names)) for of, names in named.items()]
    for names, fields in groups:
        seen = f"__fish_seen_subcommand_from run sweep; and __fish_seen_subcommand_from {' '.join(names)}"
        lines += [_fish_option(seen, field) for field in fields]
    for command, own in OPTIONS.items():
        lines += [_fish_option(f"__fish_seen_subcommand_from {command}", field) for field in described_fields(own)]
    lines += [_fish_option("__fish_seen_subcommand_from sweep", field) for field in _sweep_fields()]
    lines += [f"complete -c lookax -n '__fish_seen_subcommand_from sweep' -l {name} -x" for name in ("set", "optimise")]
    return "\n".join(lines) + "\n"


def _fish_words(when: str, words: Sequence[str]) -> str:
    return f"complete -c lookax -f -n {shlex.quote(when)} -a {shlex.quote(' '.join(words))}"


def _fish_option(when: str, field: Field) -> str:
    taken = f" -xa {shlex.quote(' '.join(field.choices))}" if field.choices else " -r"
    meaning = shlex.quote(field.meaning.replace("\n", " "))
    return f"complete -c lookax -n {shlex.quote(when)} -l {field.option.removeprefix('--')}{taken} -d {meaning}"
