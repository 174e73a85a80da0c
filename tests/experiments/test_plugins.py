"""Presets of one's own: where they come from is remembered, found again, or told in one line."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest

import lookax as lx
from lookax.cli import main
from lookax.experiments import plugins, registry
from lookax.runs.storage.config import read_yaml
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run, read_run, runs_below

MODULE = """
import lookax as lx

lx.register(lx.Preset("{name}", "{description}", lx.ExactShaping(lx.LOLASettings(lx.GradientSteps()), seeds=1,
                      total_updates=2, metrics={metrics}), lx.EXACT))


def twice(study, key, state):
    return {{"twice": 2 * study.play().values(state.policies)}}


if __name__ == "__main__":
    run = lx.run("{name}", out="out")
    print(run.metrics.shape)
"""


def write(folder, stem, name, description="one of mine", metrics=()):
    file = folder / f"{stem}.py"
    file.write_text(MODULE.format(name=name, description=description, metrics=metrics))
    return file


@pytest.fixture(autouse=True)
def clean():
    """What a test registers is forgotten after it, and so are modules of its files."""
    modules = set(sys.modules)
    tables: list[dict[str, Any]] = [registry.PRESETS, registry.FIGURES, registry.COLLECTIONS, registry.ORIGINS]
    tables: list[dict[str, Any]] = [registry.PRESETS, registry.FIGURES, registry.COLLECTIONS, registry.ORIGINS]
    before = [dict(known) for known in tables]
    yield
    for known, kept in zip(tables, before, strict=True):
        known.clear()
        known.update(kept)
    for name in set(sys.modules) - modules:
        if name.startswith("mine_"):
            del sys.modules[name]


def forget(name, module):
    """As a process does that begins anew."""
    del registry.PRESETS[name], registry.ORIGINS[name], sys.modules[module]


def test_a_file_is_loaded_before_the_command(tmp_path, capsys):
    file = write(tmp_path, "mine_a", "my-a", "the first of mine")
    assert main(["--plugin", str(file), "show", "my-a"]) == 0
    assert "the first of mine" in capsys.readouterr().out
    assert main([f"--plugin={file}", "list"]) == 0
    assert "my-a" in capsys.readouterr().out
    assert registry.ORIGINS["my-a"] == str(file)


@pytest.mark.parametrize("name", ["x$(touch f)", "my lola", "a;b", "a/b", ""])
def test_names_are_such_as_shells_leave_alone(name):
    with pytest.raises(ValueError, match="it must be a name of letters, digits") as mistake:
        registry.add([dataclasses.replace(registry.PRESETS["ipd-lola"], name=name)], "test")
    assert "\n" not in str(mistake.value)
    assert name not in registry.PRESETS


def test_a_run_finds_where_its_preset_comes_from(tmp_path, capsys):
    file = write(tmp_path, "mine_b", "my-b")
    assert main(["--plugin", str(file), "run", "my-b", "--out", str(tmp_path / "run")]) == 0
    assert read_yaml(tmp_path / "run" / "config.yaml")["plugin"] == str(file)
    forget("my-b", "mine_b")
    assert main(["resume", str(tmp_path / "run"), "--total-updates", "3"]) == 0
    assert read_yaml(tmp_path / "run" / "config.yaml")["plugin"] == str(file)
    assert "3 of 3" in repr(lx.open_run(tmp_path / "run"))

    forget("my-b", "mine_b")
    file.rename(tmp_path / "mine_moved.py")
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert f"'my-b' comes from a plugin, and {file} is missing" in message
    assert "lookax --plugin FILE.py" in message
    moved = str(tmp_path / "mine_moved.py")
    assert main(["--plugin", moved, "report", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0


def test_looking_through_folders_loads_no_plugin(tmp_path, capsys):
    file = write(tmp_path, "mine_scan", "my-scan")
    plugins.load_plugin(str(file))
    preset, folder = registry.PRESETS["my-scan"], RunFolder(tmp_path / "runs" / "found")
    Run("my-scan", preset, folder, Recording(), folder.path / "checkpoints").write_config()
    forget("my-scan", "mine_scan")
    file.write_text(file.read_text() + f"\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n")
    for path in (tmp_path / "runs", folder.path):
        runs, complaints = runs_below(path)
        assert runs == []
        [complaint] = complaints
        assert complaint.endswith(f"'my-scan' comes from {str(file)!r}; name that by `lookax --plugin FILE.py …`")
    assert main(["report", str(tmp_path / "runs"), "-o", str(tmp_path / "page.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert "mine_scan" not in sys.modules
    assert not (tmp_path / "ran").exists()
    # A run that is named is its user's choice, and so is a plugin.
    assert read_run(folder.path).name == "my-scan"
    assert (tmp_path / "ran").exists()
    assert [run.name for run in runs_below(tmp_path / "runs")[0]] == ["my-scan"]


def test_a_plugin_that_does_not_register_it_any_more(tmp_path, capsys):
    file = write(tmp_path, "mine_c", "my-c")
    plugins.load_plugin(str(file))
    lx.run("my-c", out=tmp_path / "run")
    forget("my-c", "mine_c")
    write(tmp_path, "mine_c", "my-other")
    with pytest.raises(ValueError, match=r"'my-c' comes from '.*mine_c.py', which does not register it any more"):
        lx.open_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", r"mine_d.py: ZeroDivisionError: division by zero \(.*mine_d.py:1\)"),
        ("import lookax as lx; (3).game", "mine_d.py: AttributeError: 'int' object"),
        (
            "import lookax as lx; lx.register(lx.Preset('ipd-lola', '', None, lx.EXACT))",
            "'ipd-lola' is a name of lookax",
        ),
    ],
)
def test_what_is_wrong_with_a_plugin_is_said_in_one_line(tmp_path, capsys, text, message):
    (tmp_path / "mine_d.py").write_text(text)
    assert main(["--plugin", str(tmp_path / "mine_d.py"), "list"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    with pytest.raises(ValueError, match=message):
        plugins.load_plugin(str(tmp_path / "mine_d.py"))


def test_two_origins_of_one_name_are_refused(tmp_path):
    plugins.load_plugin(str(write(tmp_path, "mine_e", "my-e")))
    with pytest.raises(ValueError, match=r"'my-e' is registered by .*mine_e.py already; take another name"):
        plugins.load_plugin(str(write(tmp_path, "mine_f", "my-e")))
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ValueError, match="there is another module mine_e; rename the file"):
        plugins.load_plugin(str(write(tmp_path / "elsewhere", "mine_e", "my-g")))
    plugins.load_plugin(str(tmp_path / "mine_e.py"))  # once more


def test_a_script_registers_and_runs(tmp_path):
    file = write(tmp_path, "mine_script", "my-script", metrics='("mine_script:twice",)')
    subprocess.run([sys.executable, str(file)], cwd=tmp_path, check=True, capture_output=True)
    run = lx.open_run(tmp_path / "out")
    assert registry.ORIGINS["my-script"] == str(file)
    last = run.metrics.iloc[-1]
    assert last["twice/1"] == pytest.approx(2 * last["returns/1"])


def test_figures_of_ones_own(tmp_path):
    settings = dataclasses.replace(registry.PRESETS["ipd-lola"].settings, seeds=1, total_updates=1)
    presets = [lx.Preset(f"my-{name}", "", settings, lx.EXACT) for name in "xy"]
    lx.register(lx.Figure("my-figure", "two of mine", presets, lx.EXACT))
    assert list(lx.list_presets("my-figure").rows) == [["my-x", ""], ["my-y", ""]]
    assert "my-figure" in [row[0] for row in lx.list_figures().rows]
    assert registry.ORIGINS["my-x"] == registry.ORIGINS["my-figure"] == __name__


def test_names_that_lookax_has_cannot_be_taken():
    with pytest.raises(ValueError, match="'ipd-lola' is a name of lookax; take another one"):
        lx.register(lx.Preset("ipd-lola", "", None, lx.EXACT))


def test_presets_of_an_installed_package_are_known():
    # In a process of its own, where nothing has been loaded yet.
    program = "import json, lookax as lx; from lookax.experiments import registry; "
    program += "lx.show('lola-consensus'); print(json.dumps(registry.ORIGINS))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    origins = json.loads(found.stdout)
    assert origins["lola-consensus"] == "lookax_examples.consensus"
    assert origins["berries"] == "lookax_examples.berries"


def test_presets_of_an_interactive_session_are_told_apart(tmp_path):
    program = f"""
import lookax as lx
settings = lx.ExactShaping(lx.LOLASettings(lx.GradientSteps()), seeds=1, total_updates=1)
lx.run(lx.Preset("my-typed", "", settings, lx.EXACT), out={str(tmp_path / "run")!r})
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    with pytest.raises(ValueError, match="'my-typed' was registered in an interactive session; register it again here"):
        lx.open_run(tmp_path / "run")


BARE = """
import dataclasses
from typing import ClassVar

import lookax as lx


@dataclasses.dataclass(frozen=True)
class Bare:
    rate: float = 1.0
    learner: ClassVar[str] = "mine_bare:make"

    def validate(self):
        if self.rate < 0:
            raise ValueError("rate: below zero")


def make(settings, play, maker, initial):
    return lx.lola(play.game, learning_rate=settings.rate)


lx.register(lx.Preset("my-bare", "", lx.ExactShaping(Bare(), seeds=1, total_updates=1), lx.EXACT))
"""


def test_fields_without_a_line_of_meaning_and_plain_errors(tmp_path, capsys):
    (tmp_path / "mine_bare.py").write_text(BARE)
    plugin = ["--plugin", str(tmp_path / "mine_bare.py")]
    assert main([*plugin, "show", "my-bare"]) == 0
    assert "--rate" in capsys.readouterr().out
    assert main([*plugin, "run", "my-bare", "--rate", "-1", "--out", str(tmp_path / "no")]) == 2
    assert capsys.readouterr().err == "lookax run: rate: below zero\n"
    assert main([*plugin, "run", "my-bare", "--out", str(tmp_path / "run")]) == 0
    assert lx.report(tmp_path / "run", out=tmp_path / "page.html").exists()
