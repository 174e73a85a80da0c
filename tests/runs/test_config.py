"""Configurations: what makes a run, and what makes no sense."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from lookax.cli import main
from lookax.experiments.registry import PRESETS
from lookax.runs.storage.config import as_fields, from_fields
from lookax.runs.storage.run import Recording, read_run


def test_settings_of_every_preset_survive_their_configuration():
    for preset in PRESETS.values():
        fields = yaml.safe_load(yaml.safe_dump(as_fields(preset.settings)))
        assert from_fields(preset.settings, fields, "test") == preset.settings, preset.name


GAMES = "--horizon 5 --inner-batch-size 4 --hessian-batch-size 4 --outer-batch-size 4 --buffer-size 8"
TABULAR = "--num-states 4 --horizon 5"


@pytest.mark.parametrize(
    "words",
    [
        "ipd-lola-taylor --hidden-sizes 3 4 --total-updates 2 --policy mlp",
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (
                "pola-b16-pola-mlp --total-updates 1 --inner-steps 2",
                f"gmrl-ipd-off-policy --total-updates 2 {GAMES}",
                f"gmrl-tabular-decompose-loaded-dice-lll-32 --inner-trajectories 7 {TABULAR}",
                f"gmrl-tabular-lirpg-steps-score-function-1-16 {TABULAR}",
                f"gmrl-tabular-maml-learning-lvc --total-updates 2 --num-tasks 2 {TABULAR}",
                f"gmrl-tabular-lirpg-learning-lvc --total-updates 2 --no-restart {TABULAR}",
            )
        ),
    ],
)
def test_a_configuration_is_a_run(words, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert main(["run", *words.split(), "--seeds", "2", "--out", str(one)]) == 0
    assert main(["run", "--config", str(one / "config.yaml"), "--out", str(other)]) == 0
    for name in ("metrics.jsonl", "config.yaml", "table.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert read_run(other).settings == read_run(one).settings


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 3}, "is of format 3, and this release reads format 2; use a later one"),
        ({"format": 1}, "is of format 1, and this release reads format 2; use an earlier one"),
        ({"colour": "blue"}, "config.yaml: colour is not known; it may have name, preset, plugin, settings"),
        ({"settings": {"discont": 0.9}}, "config.yaml: discont: is not a field (did you mean discount?)"),
        ({"settings": {"discount": 2}}, "config.yaml: discount: 2.0 is not allowed; it must be "),
        (
            {"settings": {"memory_length": "much"}},
            "config.yaml: Error parsing --memory-length: invalid literal for int()",
        ),
        ({"settings": [1]}, "config.yaml: settings: [1] is not allowed; it must be fields and values"),
        ({"recording": None}, "config.yaml: recording: None is not allowed; it must be fields and values"),
        ({"recording": {"keep_last": 0}}, "config.yaml: keep_last: 0 is not allowed; it must be at least 1"),
        ({"checkpoints": {"place": "first"}}, "config.yaml: Error parsing --place: invalid literal"),
        ({"preset": "ipd-nave"}, "config.yaml: preset: 'ipd-nave' is not known; did you mean ipd-naive"),
    ],
)
def test_configurations_that_make_no_sense_are_told_in_a_line(changes, complaint, folder, capsys):
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))
    before = file.read_text()
    assert main(["resume", str(folder)]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
    assert main(["run", "--config", str(file), "--out", str(folder / "new")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (folder / "new").exists()
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("preset: ]", "config.yaml' is not YAML (line 1)"),
        ("format: 2\n", "names no preset, figure or collection; put back what it said"),
        ("format: 2\nfigure: pola-figure9\n", "config.yaml: figure: 'pola-figure9' is not known; did you mean"),
        ("format: 2\nfigure: pola-figure1\nseeds: many\n", "config.yaml: Error parsing --seeds"),
        ("format: 2\nfigure: pola-figure1\nrecording: 3\n", "config.yaml: recording: 3 is not allowed"),
        ("preset: ipd-naive", "is not a configuration of lookax; it has no format"),
    ],
)
def test_other_texts_are_told_in_a_line(text, complaint, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text(text)
    assert main(["resume", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("name", ["initial_policies", "keep_every"])
def test_the_word_none_is_none_as_on_the_command_line(name):
    default = PRESETS["ipd-lola"].settings if name == "initial_policies" else Recording()
    default = dataclasses.replace(default, **{name: Path("x") if name == "initial_policies" else 3})
    assert getattr(from_fields(default, {name: "None"}, "test"), name) is None


def test_values_of_their_types_are_taken_as_they_are():
    default = PRESETS["ipd-lola"].settings
    fields = {"discount": 1, "hidden_sizes": [3, 4], "policy": "mlp", "scaled": True, "inner_beta": 2.0, "seeds": 3}
    changed = from_fields(default, fields, "test")
    assert (changed.discount, changed.hidden_sizes, changed.policy, changed.scaled) == (1.0, (3, 4), "mlp", True)
    assert (changed.algorithm.lookahead.inner_beta, changed.seeds) == (2.0, 3)
    for name, value in {"seeds": 1.5, "start": "never", "discount": "much", "scaled": "perhaps"}.items():
        with pytest.raises(ValueError, match=f"{name}|{value}"):
            from_fields(default, {name: value}, "test")


TOML = """\
format = 2
preset = "ipd-lola"

[settings]
seeds = 2
total_updates = 2
learning_rate = 0.5
initial_policies = "None"

[recording]
checkpoint_updates = 2
trackers = []
"""


def test_toml_is_read_as_yaml_is(tmp_path):
    file, out = tmp_path / "own.toml", tmp_path / "out"
    file.write_text(TOML)
    assert main(["run", f"--config={file}", "--learning-rate", "0.25", "--out", str(out)]) == 0
    run = read_run(out)
    assert (run.settings.seeds, run.settings.total_updates, as_fields(run.settings)["learning_rate"]) == (2, 2, 0.25)
    assert (run.recording.checkpoint_updates, run.recording.trackers) == (2, ())
    assert not (out / "tensorboard").exists()
    assert yaml.safe_load((out / "config.yaml").read_text())["settings"]["learning_rate"] == 0.25


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (TOML.replace("seeds = 2", "seeds = "), "own.toml' is not TOML (line 5)"),
        (TOML.replace("format = 2", ""), "own.toml' is not a configuration of lookax; it has no format"),
        (TOML.replace("format = 2", "format = 3"), "own.toml' is of format 3"),
        (TOML.replace("seeds", "sedes"), "own.toml: sedes: is not a field (did you mean seeds"),
        ("format = " + "[" * 100_000, "own.toml' is not a configuration of lookax; it is nested too deeply"),
        (TOML.replace("0.5", "-1.0"), "own.toml: learning_rate: -1.0 is not allowed"),
        (None, "own.toml' cannot be read (No such file or directory)"),
    ],
)
def test_mistakes_in_toml_are_told_in_a_line(text, complaint, tmp_path, capsys):
    file = tmp_path / "own.toml"
    if text is not None:
        file.write_text(text)
    assert main(["run", "--config", str(file), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()
