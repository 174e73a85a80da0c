"""Scripts that complete the command in a shell: commands, presets, figures, fields, choices; the shell does folders.

All words are in the script, so that completing starts no Python. Whoever registers presets prints it again.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from lookax.errors import check
from lookax.experiments.plugins import load_entry_points
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.options import RunOptions
from lookax.runs.arguments import Field, described_fields
from lookax.usage import OPTIONS, PER_PRESET, options_of

SHELLS = ("bash", "zsh", "fish")

Groups = Sequence[tuple[Sequence[str], Sequence[Field]]]

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
        words={commands}
    elif [ "$COMP_CWORD" -eq "$((first + 1))" ] && [ "$cur" = "${{cur#-}}" ]; then
        case "$command" in
            show|run|sweep) words={presets} ;;
            list|reproduce) words={figures} ;;
            completion) words={shells} ;;
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
                            words="$words "{sweep}
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
    own = {field.name for field in options_of("run")}
    return [field for field in options_of("sweep") if field.name not in own]


def _other_options() -> dict[str, list[Field]]:
    """Options of commands that take no preset's fields."""
    return {command: options_of(command) for command in OPTIONS if command not in PER_PRESET}


def _choices(groups: Groups) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What there is to choose from, by command and option."""
    listed = [("run", field) for _, fields in groups for field in fields]
    listed += [("sweep", field) for _, field in listed] + [("sweep", field) for field in _sweep_fields()]
    listed += [(command, field) for command, fields in _other_options().items() for field in fields]
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for command, field in listed:
        if field.choices:
            before = found.get((command, field.option), ())
            found[command, field.option] = tuple(dict.fromkeys([*before, *field.choices]))
    return found


def _words(words: Iterable[str]) -> str:
    """Words for a shell, which reads them once with the script, and again as it completes."""
    return shlex.quote(" ".join(map(shlex.quote, words)))


def _options(fields: Sequence[Field]) -> list[str]:
    return [field.option for field in fields]


def _bash(commands: Sequence[str], groups: Groups) -> str:
    choices = [f"{c}:{option}) words={_words(own)} ;;" for (c, option), own in _choices(groups).items()]
    cases = [f"{'|'.join(map(shlex.quote, names))}) words={_words(_options(fields))} ;;" for names, fields in groups]
    options = [f"{name}) words={_words(_options(own))} ;;" for name, own in _other_options().items()]
    return BASH.format(
        commands=_words([*commands, "--plugin", "--version", "--help"]),
        presets=_words(PRESETS),
        figures=_words(FIGURES | COLLECTIONS),
        shells=_words(SHELLS),
        choices="\n            ".join(choices),
        groups="\n                            ".join(cases),
        options="\n                    ".join(options),
        sweep=_words(["--set", "--optimise", *_options(_sweep_fields())]),
    )


def _fish(commands: Sequence[str], groups: Groups) -> str:
    lines = [_fish_words("__fish_use_subcommand", commands)]
    named = {"show run sweep": PRESETS, "list reproduce": FIGURES | COLLECTIONS, "completion": SHELLS}
    lines += [_fish_words(f"__fish_seen_subcommand_from {of}", list(names)) for of, names in named.items()]
    for names, fields in groups:
        quoted = " ".join(map(shlex.quote, names))
        seen = f"__fish_seen_subcommand_from run sweep; and __fish_seen_subcommand_from {quoted}"
        lines += [_fish_option(seen, field) for field in fields]
    for command, own in _other_options().items():
        lines += [_fish_option(f"__fish_seen_subcommand_from {command}", field) for field in own]
    lines += [_fish_option("__fish_seen_subcommand_from sweep", field) for field in _sweep_fields()]
    lines += [f"complete -c lookax -n '__fish_seen_subcommand_from sweep' -l {name} -x" for name in ("set", "optimise")]
    return "\n".join(lines) + "\n"


def _fish_words(when: str, words: Sequence[str]) -> str:
    return f"complete -c lookax -f -n {shlex.quote(when)} -a {_words(words)}"


def _fish_option(when: str, field: Field) -> str:
    taken = f" -xa {_words(field.choices)}" if field.choices else " -r"
    meaning = shlex.quote(field.meaning.replace("\n", " "))
    return f"complete -c lookax -n {shlex.quote(when)} -l {field.option.removeprefix('--')}{taken} -d {meaning}"
