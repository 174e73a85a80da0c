"""What `benchmarks.gpu` measures, each case in a process of its own: `python -m benchmarks.gpu_cases NAME FILE`.

A case writes to FILE as soon as it knows something, so that a case that is stopped leaves what it has found. With
`--small` everything is tiny: a test of the measuring, not a measurement.
"""

import argparse
import dataclasses
import functools
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import equinox as eqx
import jax
import jax.numpy as jnp

from benchmarks.recurrent_shaping import compiled
from lookax.cli import main as lookax
from lookax.experiments.registry import PRESETS
from lookax.policies.convolutional import actor_critic
from lookax.runs.programs.lanes import Lanes

ROOT = Path(__file__).parents[1]

TESTS = (
    "policies/test_convolutional.py::test_convolutions_are_those_of_xla",
    "lookahead/test_lookahead.py::test_quadratic_by_hand",
    "lookahead/test_lookahead.py::test_all_adjoints_agree_with_finite_differences_and_each_other",
    "lookahead/test_sampled.py::test_steps_are_those_by_hand_and_data_is_constant",
    "rollouts/test_pieces.py::test_derivatives_do_not_depend_on_the_pieces",
    "learners/test_replay.py::test_on_policy_ratios_are_exactly_one",
    "learners/test_pola_dice.py::test_with_tables_it_has_the_gradient_of_exact_lola",
    "learners/test_pola_dice_original.py::test_gradient_through_two_inner_steps",
)
"""Tests whose results can differ on a GPU: convolutions, adjoints, microbatches, games that are replayed, also in
single precision, and gradients beside recorded ones. The first of them is the small case."""

Note = Callable[..., None]
"""Adds fields to what a case has found."""


def device(small: bool, note: Note) -> None:
    """Which device there is."""
    del small
    first = jax.devices()[0]
    note(
        kind=first.device_kind,
        platform=first.platform,
        number=jax.device_count(),
        platform_version=first.client.platform_version.splitlines()[0],
        memory_mib=_mib((first.memory_stats() or {}).get("bytes_limit")),
    )


def float32(small: bool, note: Note) -> None:
    """How far single precision is from double precision, as a GPU may multiply matrices of float32 with fewer digits.

    Differences are relative, of norms: a product of matrices, and the gradient of the Nature network's convolutions.
    """
    size, games = (64, 2) if small else (1024, 64)
    factors = jax.random.normal(jax.random.key(0), (2, size, size))
    layers = actor_critic(jax.random.key(1), (84, 84, 4), 6).convolutions
    frames = jax.random.uniform(jax.random.key(2), (games, 84, 84, 4))

    def squares(layers: Any, frames: jax.Array) -> jax.Array:
        for layer in layers:
            frames = jax.nn.relu(layer(frames))
        return jnp.mean(frames**2)

    for name, function, arguments in (
        ("product", lambda factors: factors[0] @ factors[1], (factors,)),
        ("convolutions", jax.grad(squares), (layers, frames)),
    ):
        single = jax.jit(function)(*arguments)
        with jax.enable_x64(True):
            double = jax.jit(function)(*jax.tree.map(lambda leaf: leaf.astype(jnp.float64), arguments))
            difference = jax.tree.map(lambda one, other: one.astype(jnp.float64) - other, single, double)
            note(**{f"error_of_{name}": float(_norm(difference) / _norm(double))})


def tests(small: bool, note: Note) -> None:
    """How many of `TESTS` pass, and which do not."""
    if importlib.util.find_spec("pytest") is None:
        note(missing="pytest is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=default", "-m", "not slow")
        words = [str(ROOT / "tests" / test) for test in (TESTS[:1] if small else TESTS)]
        command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *words]
        # Tests that start processes share the device with them.
        environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            note(missing=f"pytest failed: {(done.stdout + done.stderr)[-400:]}")
            return
        cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    note(unit="tests passed", value=len(cases) - len(failed), failed=failed)


def outer_step(preset: str, lanes: int, small: bool, note: Note) -> None:
    """Seconds of one agent's outer step, of all lanes together."""
    steps, repeats = (1, 2) if small else (4, 3)
    settings = dataclasses.replace(PRESETS[preset].settings, outer_steps=steps)
    if small:
        settings = dataclasses.replace(settings, batch_size=4, horizon=3, hidden_size=4, inner_steps=1)
    began = time.perf_counter()
    program, state = compiled(settings, lanes)
    note(lanes=lanes, compile_seconds=time.perf_counter() - began)
    _timed(
        lambda: program(jax.random.key(1), state),
        repeats,
        lambda seconds: seconds / steps,
        "seconds per outer step",
        note,
    )


def learning(preset: str, modules: Sequence[str], small: bool, note: Note) -> None:
    """Updates per second of all of a preset's seeds together."""
    absent = [module for module in modules if importlib.util.find_spec(module) is None]
    if absent:
        note(missing=f"not installed: {', '.join(absent)}")
        return
    updates, repeats = (1, 2) if small else (16, 3)
    settings: Any = PRESETS[preset].settings
    if small:
        settings = dataclasses.replace(settings, batch_size=2, steps=2, inner_steps=1, seeds=1)
    began = time.perf_counter()
    lanes = Lanes([settings])
    state, _ = lanes.start()
    state, _ = jax.block_until_ready(lanes.steps(1, 1, state))
    note(lanes=settings.seeds, compile_seconds=time.perf_counter() - began)

    def run() -> Any:
        # Games on the host go on: a state is not used twice.
        nonlocal state
        state, metrics = lanes.steps(2, updates, state)
        return metrics

    _timed(run, repeats, lambda seconds: updates * settings.seeds / seconds, "updates per second", note)


def figure3(small: bool, note: Note) -> None:
    """Wall seconds of the whole command, with an empty cache of compiled programs and again with a full one."""
    words = ["reproduce", "pola-figure3", "--seeds", "20"]
    if small:
        words = ["run", "pola-figure3-pola-tabular-1.33", "--seeds", "1", "--total-updates", "2"]
    with tempfile.TemporaryDirectory() as folder:
        jax.config.update("jax_compilation_cache_dir", f"{folder}/programs")
        for name in ("value", "seconds_with_compiled_programs"):
            began = time.perf_counter()
            status = lookax([*words, "--out", f"{folder}/{name}"])
            note(unit="seconds", **{name: time.perf_counter() - began}, status=status, **_peak())
            jax.clear_caches()


def _timed(run: Callable[[], Any], repeats: int, measure: Callable[[float], float], unit: str, note: Note) -> None:
    """Notes the median of several calls, after one that does not count, with their range and the peak of memory."""
    jax.block_until_ready(run())
    values: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(run())
        values = sorted([*values, measure(time.perf_counter() - began)])
        note(unit=unit, value=values[len(values) // 2], repeats=len(values), range=[values[0], values[-1]], **_peak())


def _peak() -> dict[str, Any]:
    """Peak memory in MiB: of the device where JAX knows it, else of this process."""
    stats = jax.devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return {"peak_mib": _mib(stats["peak_bytes_in_use"]), "peak_of": "device"}
    # The system counts in KiB on Linux, in bytes on macOS.
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"peak_mib": _mib(size), "peak_of": "process"}


def _mib(size: int | None) -> float | None:
    return None if size is None else round(size / 2**20, 1)


def _norm(tree: Any) -> jax.Array:
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))))


CASES: Mapping[str, Callable[[bool, Note], None]] = {
    "device": device,
    "float32": float32,
    "tests": tests,
    "mgrl-minatar": functools.partial(learning, "mgrl-minatar", ("gymnax", "six")),
    "mgrl-atari": functools.partial(learning, "mgrl-atari", ("ale_py", "gymnasium")),
    "figure3": figure3,
} | {
    f"{figure}-lanes-{lanes}": functools.partial(outer_step, f"pola-{figure}-pola-dice", lanes)
    for figure in ("figure4", "figure5")
    for lanes in (1, 4, 16)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=CASES)
    parser.add_argument("file", type=Path)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = {}

    def note(**fields: Any) -> None:
        found.update(fields)
        partly = given.file.with_suffix(".part")
        partly.write_text(json.dumps(found))
        partly.replace(given.file)

    CASES[given.name](given.small, note)


if __name__ == "__main__":
    main()
