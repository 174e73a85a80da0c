"""Processes join each other before anything starts JAX, whatever the run."""

import os
import subprocess
import sys
from pathlib import Path

from lookax.experiments.registry import PRESETS
from lookax.runs.storage.folder import RunFolder
from lookax.runs.storage.run import Recording, Run

ROOT = Path(__file__).parents[2]

JOIN = """
import sys
import jax
from lookax.cli import main
from lookax.runs.processes import Distribution

class Joined(Exception):
    pass

def join(distribution):
    assert distribution.distributed
    # Another number of devices is refused once JAX has started.
    jax.config.update("jax_num_cpu_devices", jax.config.values["jax_num_cpu_devices"] + 1)
    raise Joined

Distribution.join = join
for folder in sys.argv[1:]:
    for words in (["resume", folder], ["run", "--config", f"{folder}/config.yaml"]):
        try:
            main([*words, "--distributed"])
        except Joined:
            print("joined")
"""


def test_processes_join_before_settings_are_validated_which_starts_jax(tmp_path):
    # Validation builds a game with arrays, reads policies, and asks how many games fit the device.
    names = ["pola-figure5-laptop-naive"]
    for field in ("initial_policies", "defector_fraction"):
        names += [name for name, preset in PRESETS.items() if getattr(preset.settings, field, None)][:1]
    assert len(names) == 3
    folders = []
    for name in names:
        folder = tmp_path / name
        Run(name, PRESETS[name], RunFolder(folder), Recording(), folder / "checkpoints").write_config()
        folders.append(str(folder))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", JOIN, *folders]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["joined"] * 2 * len(folders)
