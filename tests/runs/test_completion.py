"""Completion as shells ask for it; bash reads the script, others are checked as texts."""

import subprocess
import time

import pytest

from lookax.cli import COMMANDS, main
from lookax.completion import script
from lookax.experiments.registry import COLLECTIONS, FIGURES, PRESETS
from lookax.runs.arguments import described_fields


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    """Completes a line whose last word is unfinished."""
    file = tmp_path_factory.mktemp("bash") / "completion"
    file.write_text(script("bash", tuple(COMMANDS)))

    def complete(*words, shell=("bash", "--norc", "-c")):
        program = (
            f'source {file}; COMP_WORDS=(lookax "$@"); COMP_CWORD=$#; COMP_LINE="lookax $*"; '
            "_lookax; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        said = subprocess.run([*shell, program, "bash", *words], capture_output=True, text=True, check=True)
        assert said.stderr == ""
        return said.stdout.split()

    return complete


def options(preset):
    return [field.option for field in described_fields(PRESETS[preset].settings)]


def test_bash_completes_names(bash):
    assert bash("") == [*COMMANDS, "--plugin", "--version", "--help"]
    assert bash("re") == ["reproduce", "resume", "report"]
    assert bash("run", "") == list(PRESETS)
    assert bash("show", "ipd-lo") == [name for name in PRESETS if name.startswith("ipd-lo")]
    assert bash("reproduce", "") == bash("list", "") == list(FIGURES | COLLECTIONS)
    assert bash("completion", "f") == ["fish"]
    assert bash("--plugin", "x.py", "run", "ipd-naiv") == ["ipd-naive"]
    # Folders are the shell's own business, where there is nothing else to say.
    assert bash("resume", "ru") == bash("--plugin", "x") == bash("run", "ipd-lola", "ru") == []


@pytest.mark.parametrize("preset", ["ipd-lola", "mgrl-minatar", "pola-figure4-pola-dice"])
def test_bash_completes_fields_of_a_preset(preset, bash):
    found = bash("run", preset, "--seeds", "3", "--")
    assert found[: len(options(preset))] == options(preset)
    assert {"--checkpoint-minutes", "--trackers", "--out"} <= set(found)
    swept = bash("sweep", preset, "--")
    assert {*found, "--set", "--optimise", "--engine", "--cluster-gpus", "--objective"} <= set(swept)
    assert "--engine" not in found
    assert bash("sweep", preset, "--set", "disc") == ["discount"]
    assert bash("sweep", preset, "--optimise", "first_") == ["first_seed"]


def test_bash_completes_choices_and_options_of_other_commands(bash):
    assert bash("sweep", "ipd-lola", "--engine", "") == ["local", "ray", "slurm"]
    assert bash("reproduce", "pola-figure4", "--scale", "l") == ["laptop"]
    assert bash("play", "runs/x", "--g") == ["--games", "--greedy"]
    assert "chicken" in bash("run", "ipd-lola", "--game", "")


def test_bash_completes_options_of_commands_without_presets(bash):
    assert bash("export", "runs/x", "--p") == ["--player"]
    assert bash("studio", "--") == ["--port"]
    assert bash("resume", "runs/x", "--t") == ["--total-updates", "--trackers", "--trials"]
    assert bash("resume", "runs/x", "--engine", "s") == ["slurm"]


def test_names_and_choices_are_words_and_no_commands(tmp_path, monkeypatch):
    evil = f"x$(touch${{IFS}}{tmp_path}/f)"
    monkeypatch.setitem(PRESETS, evil, PRESETS["ipd-lola"])
    monkeypatch.setitem(FIGURES, evil, next(iter(FIGURES.values())))
    file = tmp_path / "completion"
    file.write_text(script("bash", tuple(COMMANDS)))
    for words in ("run x", "reproduce x", "run 'x' --seeds"):
        program = f"source {file}; COMP_WORDS=(lookax {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _lookax"
        program += "; printf '%s\\n' \"${COMPREPLY[@]}\""
        said = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=True)
        assert (said.stderr, list(tmp_path.iterdir())) == ("", [file])
        assert words.startswith("run 'x'") or "touch" in said.stdout


def test_answers_come_at_once(bash):
    times = []
    for _ in range(5):
        began = time.perf_counter()
        bash("run", "ipd-lola", "--learning")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.15


def test_the_command_prints_scripts(capsys):
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert script(shell, tuple(COMMANDS)).strip() in capsys.readouterr().out
    assert main(["completion", "tcsh"]) == 2
    assert "shell: 'tcsh' is not allowed; it must be bash, zsh, fish" in capsys.readouterr().err
    assert main(["completion"]) == 2
    assert "the shell is missing" in capsys.readouterr().err


def test_zsh_reads_that_of_bash():
    first, rest = script("zsh", tuple(COMMANDS)).split("\n", 1)
    assert first == "autoload -U +X bashcompinit && bashcompinit"
    assert rest == script("bash", tuple(COMMANDS))


def test_fish_is_told_the_same_words():
    import shlex

    lines = [shlex.split(line) for line in script("fish", tuple(COMMANDS)).splitlines()]
    assert all(line[:3] == ["complete", "-c", "lookax"] for line in lines)
    after = {line[line.index("-n") + 1]: line[line.index("-a") + 1].split() for line in lines if "-a" in line}
    assert after["__fish_use_subcommand"] == list(COMMANDS)
    assert after["__fish_seen_subcommand_from show run sweep"] == list(PRESETS)
    for preset in ("ipd-lola", "mgrl-minatar"):
        own = [line for line in lines if "-l" in line and preset in line[line.index("-n") + 1].split()]
        assert [f"--{line[line.index('-l') + 1]}" for line in own][: len(options(preset))] == options(preset)
