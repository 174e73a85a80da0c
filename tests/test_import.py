import subprocess
import sys

WATCHED = """
import jax
import importlib, pkgutil
before = dict(jax.config.values)
import lookax
for module in pkgutil.walk_packages(lookax.__path__, "lookax."):
    importlib.import_module(module.name)
after = dict(jax.config.values)
assert before == after, {name: (before[name], after[name]) for name in after if before.get(name) != after[name]}
"""


def test_importing_everything_changes_no_setting_of_jax():
    subprocess.run([sys.executable, "-c", WATCHED], check=True)
