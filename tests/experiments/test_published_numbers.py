"""Every field of every preset, asserted from the published commands (tests/data/published_numbers.yaml)."""

import argparse
import dataclasses
import itertools
import json
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pytest
import yaml

from lookax.experiments import figures, registry
from tests.experiments.published_flags import SCRIPTS, Fields

PRESETS = {name: preset for name, preset in registry.PRESETS.items() if name not in registry.ORIGINS}

TABLE = yaml.safe_load((Path(__file__).parents[1] / "data" / "published_numbers.yaml").read_text())


def flat(settings: Any, prefix: str = "") -> Fields:
    fields: Fields = {prefix.rstrip(".") or "settings": type(settings).__name__}
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            fields |= flat(value, f"{name}.")
        elif isinstance(value, Path):
            fields[name] = value.name
        else:
            fields[name] = list(value) if isinstance(value, tuple) else value
    return fields


def parsed(command: str) -> tuple[str, Namespace]:
    """Its script and its flags, abbreviated ones too, with the script's defaults."""
    script, *words = shlex.split(command)
    parser = argparse.ArgumentParser(exit_on_error=False)
    for name, default in TABLE["defaults"][script].items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action="store_true")
        elif isinstance(default, list):
            parser.add_argument(f"--{name}", nargs="+", type=type(default[0]), default=default)
        else:
            # Two commands give a folder's flag without a folder.
            nargs = "?" if isinstance(default, str) else None
            parser.add_argument(f"--{name}", nargs=nargs, type=type(default), default=default)
    return script, parser.parse_args(words)


def loops(entry: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Values of the variables of an entry's loops, as text."""
    names = entry.get("for", {})
    for values in itertools.product(*names.values()):
        yield {name: str(value) for name, value in zip(names, values, strict=True)}


def published() -> Iterator[tuple[str, Fields]]:
    for group in TABLE["published"]:
        for variables in loops(group):
            exact = int(Template(str(group.get("exact_trajectories", 32))).substitute(variables))
            for name, command in group["commands"].items():
                script, flags = parsed(Template(command).substitute(variables))
                fields = SCRIPTS[script](flags)
                if "inner_estimator" in fields and script.startswith("decompose"):
                    unused = {f"{part}_trajectories": exact for part in ("inner", "hessian", "outer")}
                    fields = unused | fields
                yield Template(name).substitute(variables), fields | group.get("ours", {})


def expected() -> dict[str, Fields]:
    """Fields of every preset by name."""
    table = dict(published())
    for entry in TABLE["ours"]:
        for variables in loops(entry):
            name = Template(entry["preset"]).substitute(variables)
            like = table[Template(entry["like"]).substitute(variables)] if "like" in entry else {}
            changes = {
                field: Template(value).substitute(variables) if isinstance(value, str) else value
                for field, value in entry["but"].items()
            }
            kept = {
                field: value
                for field, value in like.items()
                if field not in entry.get("without", ()) and not any(field.startswith(f"{c}.") for c in changes)
            }
            assert name not in table
            table[name] = kept | changes
    return table


EXPECTED = expected()


def test_the_table_has_every_preset_and_no_other():
    assert set(EXPECTED) == set(PRESETS)
    counts = {
        prefix: sum(name.startswith(prefix) for name, _ in published())
        for prefix in ("pola", "gmrl-ipd", "gmrl-tabular")
    }
    # 35 commands, one of which stands for five; eleven; and 225 + 49 + 42 + 54 + 32 + 50 of the scripts.
    assert counts == {"pola": 39, "gmrl-ipd": 11, "gmrl-tabular": 452}


@pytest.mark.parametrize("group", sorted({"-".join(name.split("-")[:3]) for name in PRESETS}))
def test_every_field_of_every_preset_is_what_its_command_says(group):
    for name, preset in PRESETS.items():
        if "-".join(name.split("-")[:3]) == group:
            assert flat(preset.settings) == EXPECTED[name], name


@pytest.mark.parametrize(("custom_param", "network"), [("1", 1), ("4", 2)])
def test_figure1_starts_from_the_networks_of_the_published_code(custom_param, network):
    name = str(PRESETS[f"pola-figure1-lola-network{network}"].settings.initial_policies).removeprefix("lookax:")
    for layers in json.loads((Path(figures.__file__).parent / "data" / name).read_text())["layers"]:
        for layer, theirs in zip(layers, TABLE["networks"][custom_param], strict=True):
            for part in ("weight", "bias"):
                np.testing.assert_array_equal(layer[part], theirs[part])


def test_a_wrong_number_and_a_new_field_are_noticed():
    settings = PRESETS["pola-figure3-pola-mlp-1.33"].settings
    right = EXPECTED["pola-figure3-pola-mlp-1.33"]
    assert flat(settings) == right
    wrong = dataclasses.replace(settings, algorithm=dataclasses.replace(settings.algorithm, outer_beta=0.1))
    assert flat(wrong) == right | {"algorithm.outer_beta": 0.1}
    new = [("new", float, 0.0)]
    extended = dataclasses.make_dataclass("ExactShaping", new, bases=(type(settings),), frozen=True, kw_only=True)
    fields = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    assert set(flat(extended(**fields))) - set(right) == {"new"}
