"""The command as a person uses it, in this process."""

import dataclasses
import json
import re
from importlib import metadata

import numpy as np
import pytest
import yaml

from lookax import __version__
from lookax.cli import main
from lookax.experiments.preset import Collection, Table
from lookax.experiments.registry import COLLECTIONS, FIGURES, ORIGINS, PRESETS
from lookax.experiments.settings.groups import GROUPS, OTHER, group_of
from lookax.options import RunOptions
from lookax.runs.arguments import described_fields, parse
from lookax.runs.commands.execute import run_preset
from lookax.runs.commands.terminal import print_table
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.provenance import provenance
from lookax.runs.storage.run import Recording, Run

QUICK = ["ipd-lola", "--seeds", "2", "--total-updates", "3"]


def test_run_leaves_a_complete_folder(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", *QUICK, "--inner-learning-rate", "2.5", "--out", str(out)]) == 0
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["format"], config["preset"]) == (2, "ipd-lola")
    assert config["settings"]["inner_learning_rate"] == 2.5
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(row["update"], row["seed"]) for row in rows] == [(u, s) for u in range(4) for s in range(2)]
    assert np.array(rows[-1]["cooperation"]).shape == (2, 5)
    [provenance] = json.loads((out / "provenance.json").read_text())
    assert set(provenance["versions"]) >= {"lookax", "jax", "optax"}
    assert {file.name for file in (out / "policies").iterdir()} == {"seed-0.json", "seed-1.json"}
    for figure in ("figure.png", "figure.pdf"):
        assert (out / figure).stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "TFT found" in printed
    assert str(out) in printed


def test_lookax_need_not_be_installed_to_run(monkeypatch):
    of_packages = metadata.version

    def version(package):
        if package == "lookax":
            raise metadata.PackageNotFoundError(package)
        return of_packages(package)

    monkeypatch.setattr(metadata, "version", version)
    versions = provenance(devices=False)["versions"]
    assert versions["lookax"] == __version__
    assert versions["jax"] == of_packages("jax")


def test_final_policies_start_the_next_run(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    main(["run", *QUICK, "--out", str(first)])
    final = first / "policies" / "seed-1.json"
    main(["run", *QUICK, "--initial-policies", str(final), "--out", str(second)])
    last = json.loads((first / "metrics.jsonl").read_text().splitlines()[-1])
    continued = json.loads((second / "metrics.jsonl").read_text().splitlines()[0])
    np.testing.assert_allclose(continued["cooperation"], last["cooperation"], rtol=1e-12)


def test_reproduce_draws_and_compares(tmp_path, capsys):
    out = tmp_path / "figure1"
    assert main(["reproduce", "pola-figure1", "--out", str(out)]) == 0
    assert "4 of 4 settings that have a reference agree" in re.sub(r"\s+", " ", capsys.readouterr().out)
    assert (out / "figure.png").exists()
    assert (out / "pola-figure1-pola-network2" / "metrics.jsonl").exists()
    assert json.loads((out / "table.json").read_text())["verdicts"] == [True] * 4


def test_list_names_everything(capsys):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in ("pola-figure3", "pola-b16", "gmrl-tabular-decompose", "gmrl-tabular", "ipd-naive"):
        assert name in printed
    assert main(["list", "pola-figure3"]) == 0
    assert "pola-figure3-pola-mlp-1.25" in capsys.readouterr().out


def test_a_study_is_run_drawn_and_told(tmp_path, capsys):
    words = ["run", "gmrl-tabular-decompose-loaded-dice-lll-32", "--seeds", "2", "--num-states", "4", "--horizon", "5"]
    assert main([*words, "--inner-trajectories", "7", "--out", str(tmp_path / "study")]) == 0
    assert "inner error" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "study" / "metrics.jsonl").read_text().splitlines()]
    assert [(row["update"], row["seed"]) for row in rows] == [(1, 0), (1, 1)]
    assert {"correlation", "correlation_standard_error", "variance", "bias", "squared_bias", "inner_error"} <= set(
        rows[0]
    )
    assert not (tmp_path / "study" / "policies").exists()
    assert (tmp_path / "study" / "figure.png").stat().st_size > 1000
    assert main(["evaluate", str(tmp_path / "study")]) == 2
    assert "measures what its updates do, and nothing in the states between" in capsys.readouterr().err


def test_a_collection_is_reproduced_figure_by_figure(tmp_path, capsys, monkeypatch):
    small = FIGURES["gmrl-tabular-hessian-bias"]
    figures = [dataclasses.replace(small, name=name, presets=small.presets[:8]) for name in ("one", "two")]
    monkeypatch.setitem(COLLECTIONS, "both", Collection("both", "two figures", figures))
    status = main(["reproduce", "both", "--seeds", "3", "--out", str(tmp_path / "both")])
    printed = capsys.readouterr().out
    assert status == (0 if "2 of 2 settings" in printed else 1)
    assert "one: " in printed
    assert "2 settings that have a reference agree" in printed
    for name in ("one", "two"):
        assert (tmp_path / "both" / name / "figure.pdf").exists()
        assert len(json.loads((tmp_path / "both" / name / "table.json").read_text())["rows"]) == 8
        assert (tmp_path / "both" / name / "gmrl-tabular-hessian-bias-0.5-3" / "metrics.jsonl").exists()


def test_many_rows_are_printed_in_part(capsys):
    rows = [[f"row{i}"] for i in range(100)]
    print_table(Table(("name",), rows, [True] * 3 + [None] * 97))
    printed = capsys.readouterr().out
    assert "row2" in printed
    assert "row3" not in printed
    assert "The other 97 rows are in table.json." in printed


def test_a_collection_lists_its_figures(capsys):
    assert main(["list", "gmrl-tabular"]) == 0
    assert "gmrl-tabular-hessian-bias" in capsys.readouterr().out


def test_show_tells_fields_values_and_meanings(capsys):
    assert main(["show", "pola-figure3-pola-mlp-1.25"]) == 0
    printed = capsys.readouterr().out
    for text in ("--inner-learning-rate", "0.25", "--outer-beta", "0.13", "Discount factor"):
        assert text in printed


def test_every_field_is_in_one_group():
    grouped = [field for fields in GROUPS.values() for field in fields]
    assert len(set(grouped)) == len(grouped)
    for preset in (preset for name, preset in PRESETS.items() if name not in ORIGINS):
        for field in described_fields(RunOptions(preset.settings)):
            assert group_of(field.name) != OTHER, field.name


def test_help_of_a_preset_has_all_that_may_be_said(capsys):
    assert main(["run", "ipd-lola-dice", "--help"]) == 0
    printed = capsys.readouterr().out
    for text in ("usage: lookax run ipd-lola-dice", "--seeds", "--checkpoint-minutes", "--out", "Or exact, dice,"):
        assert text in printed


def test_help_and_no_words_print_the_usage(capsys):
    for words in (["--help"], [], ["list", "-h"]):
        assert main(words) == 0
        assert "lookax reproduce FIGURE" in capsys.readouterr().out


def test_help_of_a_command_has_its_own_options(capsys):
    for command, options in {
        "run": ["--checkpoint-minutes", "--out", "lookax run PRESET --help"],
        "sweep": ["--set", "--objective", "--engine"],
        "resume": ["--total-updates", "--trials", "--engine"],
        "export": ["--player", "--out"],
        "studio": ["--port"],
    }.items():
        assert main([command, "--help"]) == 0
        printed = capsys.readouterr().out
        assert f"lookax {command} " in printed
        assert "lookax reproduce FIGURE" not in printed
        assert [option for option in options if option not in printed] == []


@pytest.mark.parametrize(
    "name", ["ipd-lola", "ipd-pola-implicit", "pola-b16-pola-mlp", "gmrl-tabular-lirpg-learning-lvc"]
)
def test_every_field_that_is_shown_is_accepted(name):
    experiment = PRESETS[name].settings
    words = []
    for field in described_fields(experiment):
        assert field.meaning
        if field.value not in (None, ()) and not isinstance(field.value, bool):
            words += [field.option, *str(field.value).strip("(),").split(", ")]
    assert parse(RunOptions(experiment), words, "lookax run").settings == experiment


def test_tables_are_whole_on_a_narrow_terminal(capsys, monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "60"}.items():
        monkeypatch.setenv(name, value)
    main(["show", "ipd-lola"])
    rows = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, rows)) <= 60
    assert any(row.split()[:2] == ["--inner-learning-rate", "3.0"] for row in rows)
    # What the preset sets comes first, then the rest by groups.
    text = "\n".join(rows)
    assert text.index("--inner-learning-rate") < text.index("--seeds") < text.index("--game") < text.index("--policy")
    wide = ["x" * 40, "y" * 40, "z" * 40]
    print_table(Table(("a", "b", "c"), [wide], [True]))
    rows = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert any(row.split() == [*wide, "yes"] for row in rows)


def test_a_solver_that_gives_up_is_told_in_one_line(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["run", "ipd-pola-implicit", "--inner-beta", "1e-5", "--learning-rate", "25", "--seeds", "2"]
    status = main([*words, "--total-updates", "20", "--out", str(out)])
    assert status == 1
    assert re.search(r"^lookax run: ipd-pola-implicit: .* at update \d+ of ", capsys.readouterr().err, re.MULTILINE)
    assert (out / "policies" / "seed-0.json").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["frobnicate"], "command: 'frobnicate' is not known; did you mean"),
        (["list", "all"], "figure: 'all' is not known"),
        (["list", "pola-figure1", "2"], "is not allowed; it takes 1 name"),
        (["run", "gmrl-tabular"], "preset: 'gmrl-tabular' is a figure; `lookax list gmrl-tabular` names"),
        (["run", "gmrl-tabular-decompose-exact", "--inner-trajectories", "0"], "inner_trajectories: 0 is not allowed"),
        (["show"], "the name is missing"),
        (["show", "pola-figure3"], "preset: 'pola-figure3' is a figure"),
        (
            ["run", "gmrl-tabular-decompose-exact", "--inner-step", "3"],
            "inner_step: is not a field (did you mean inner_steps or inner_estimator?); `lookax show PRESET` names all",
        ),
        (["show", "ipd-lolaa"], "preset: 'ipd-lolaa' is not known; did you mean ipd-lola"),
        (["run"], "the name is missing"),
        (["run", "pola-figure3"], "preset: 'pola-figure3' is a figure"),
        (["run", *QUICK, "--memory-length", "30"], "memory_length: 30 is not allowed"),
        (["run", *QUICK, "--num-players", "40"], "num_players: 40 is not allowed; it must be at most 16"),
        (["run", *QUICK, "--num-players", "14"], "are too many for a table"),
        (["run", *QUICK, "--horizon", "99999999999"], "horizon: 99999999999 is not allowed"),
        (["run", *QUICK, "--first-seed", "99999999999999999999"], "first_seed: 99999999999999999999 is not allowed"),
        (["run", *QUICK, "--out", "/proc/x/y"], "out: '/proc/x/y' cannot be made"),
        (["run", *QUICK, "--out", "x" * 300], "cannot be made (File name too long)"),
        (["reproduce", "figure3"], "figure: 'figure3' is not known; did you mean pola-figure3"),
        (["run", *QUICK, "--inner-lr", "3"], "inner_lr: is not a field"),
        (["run", *QUICK, "--discont", "0.9"], "discont: is not a field (did you mean discount?)"),
        (["run", *QUICK, "--outer-beta", "1"], "outer_beta: is not a field"),
        (["run", *QUICK, "3"], "'3' is not allowed; arguments are given as --field value"),
        (["run", *QUICK, "--contribution-factor", "high"], "--contribution-factor: could not convert string to float"),
        (["run", *QUICK, "--memory-length", "1.5"], "--memory-length: invalid literal for int()"),
        (["run", *QUICK, "--policy", "cnn"], "policy: 'cnn' is not allowed; it must be one of tabular"),
        (["run", *QUICK, "--discount"], "Missing value for argument '--discount'"),
        (["run", *QUICK, "--learning-rate", "-1"], "learning_rate: -1.0 is not allowed; it must be greater than 0"),
        (["run", *QUICK, "--discount", "1"], "discount: 1.0 is not allowed; it must be less than 1"),
        (["run", *QUICK, "--num-players", "1"], "num_players: 1 is not allowed; it must be at least 2"),
        (["run", "ipd-lola", "--seeds", "0"], "seeds: 0 is not allowed; it must be at least 1"),
        (["run", "ipd-lola", "--total-updates", "0"], "total_updates: 0 is not allowed"),
        (["run", *QUICK, "--initial-policies", "none.json"], "initial_policies: 'none.json' cannot be read as JSON"),
        (["reproduce", "pola-figure1", "--seeds", "0"], "seeds: 0 is not allowed; it must be at least 1"),
        (["runs", "none"], "'none' is not a folder"),
        (["runs", "here", "there"], "'there' is not allowed; it takes 1 name"),
        (["evaluate"], "the folder of a run is missing; `lookax runs` names those there are"),
        (["evaluate", "none"], "'none' does not exist"),
        (["evaluate", "none", "--updat", "3"], "updat: is not a field (did you mean update?); the fields are update"),
        (
            ["evaluate", "none", "--update", "last"],
            "Error parsing --update: no type matching {None}|INT",
        ),
        (["inspect"], "the folder of a run is missing; `lookax runs` names those there are"),
        (["inspect", "none", "--seed", "1"], "'none' does not exist"),
        (["crossplay", "--games", "3"], "the folder of a run is missing"),
        (["crossplay", "none", "here"], "'none' does not exist"),
        (["report"], "the folder of a run is missing"),
        (["report", "none"], "'none' is not a folder"),
        (["report", "."], "there are no runs in '.'"),
        (["report", ".", "-o"], "lookax report: Missing value for argument '-o/--out'. Expected 1 values.\n"),
        (["report", ".", "--to", "x.html"], "to: is not a field"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(words, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine").write_text("precious")
    assert main(["run", *QUICK, "--out", str(tmp_path)]) == 2
    assert "exists; it must be a new folder" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def test_wrongly_shaped_policies_are_refused(tmp_path, capsys):
    policies = tmp_path / "policies.json"
    policies.write_text('{"logits": [[0, 0, 0, 0, 0], [0, 0, 0, 0]]}')
    assert main(["run", *QUICK, "--initial-policies", str(policies), "--out", str(tmp_path / "out")]) == 2
    assert "logits of player 2 of shape (4,); it must be (5, 1) or (5,)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_value_that_is_not_finite_stops_the_run_and_keeps_what_came_before(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["run", "ipd-naive", "--seeds", "2", "--total-updates", "9", "--learning-rate", "1e308", "--out", str(out)]
    assert main([*words, "--contribution-factor", "1e9"]) == 1
    complaint = capsys.readouterr().err
    failed = re.search(r"ipd-naive: (\w+) is not finite at update (\d) of seed (\d)", complaint)
    assert failed is not None, complaint
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert {row["update"] for row in rows} == set(range(int(failed[2])))
    assert np.isfinite([row["returns"] for row in rows]).all()
    assert (out / "policies" / "seed-1.json").exists()


def test_a_preset_without_a_name_in_the_registry_runs_from_python(tmp_path):
    preset = dataclasses.replace(PRESETS["ipd-lola"], name="my-own")
    preset = dataclasses.replace(preset, settings=dataclasses.replace(preset.settings, seeds=1, total_updates=2))
    run_preset(Run("my-own", preset, RunFolder(tmp_path / "run"), Recording(), tmp_path / "run" / "checkpoints"))
    assert (tmp_path / "run" / "table.json").exists()
    assert (tmp_path / "run" / "figure.png").exists()
