"""One update of every learner with exact values, beside the same update by the original code, LOLA_exact.

`tests/data/pola_exact_original.json` says how its numbers were made. They are in the original's order: states DD, DC,
CD, CC, start with player 1's action first for every player; networks as weights and biases of the hidden layer, then of
the output.
"""

import dataclasses
import functools
import itertools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.choices import PolicyKind
from lookax.experiments.registry import PRESETS
from lookax.experiments.settings.exact_learners import (
    GradientSteps,
    LOLASettings,
    NaiveSettings,
    OpponentModellingSettings,
    POLASettings,
    ProximalPointSettings,
)
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.numbers import numbers_of, with_numbers
from lookax.experiments.studies.exact_shaping import ExactShapingStudy
from lookax.experiments.studies.repeated_game import quantities
from lookax.experiments.studies.study import study_of
from lookax.policies.mlp import Dense, MLPPolicy, PreconditionedMLPPolicy
from lookax.policies.tabular import PreconditionedTabularPolicy, TabularPolicy

CASES = json.loads((Path(__file__).parents[1] / "data" / "pola_exact_original.json").read_text())["cases"]

# Both compute in double precision: the same arithmetic in another order. Proximal loops and fits repeat it up to some
# thousand times, each step with the rounding of those before it.
ROUNDING = 1e-9

# Opponents that solve a proximal problem: the original's gradient descent stops at a gradient of 1e-12, our BFGS at
# differences of 1e-12 in parameters and objective, which leaves gradients at about 1e-8.
SOLUTION = 1e-6


def shaping(algorithm, policy: PolicyKind = "tabular", **settings):
    return ExactShaping(algorithm, policy=policy, hidden_sizes=(2,), **settings)


def lola(inner_learning_rate, learning_rate, inner_steps=1, model=None, taylor=False):
    models = model and OpponentModellingSettings(model)
    return LOLASettings(
        GradientSteps(inner_learning_rate, inner_steps), learning_rate, taylor=taylor, opponent_modelling=models
    )


def pola(inner_learning_rate, learning_rate, max_outer_steps=5000):
    return POLASettings(
        GradientSteps(inner_learning_rate), learning_rate, outer_beta=2.0, max_outer_steps=max_outer_steps
    )


def pola_of_models(model, inner_learning_rate):
    steps = GradientSteps(inner_learning_rate, 3, inner_beta=3.0)
    return POLASettings(steps, 1.0, outer_beta=None, outer_steps=1, opponent_modelling=OpponentModellingSettings(model))


def proximal(learning_rate, max_outer_steps):
    lookahead = ProximalPointSettings(inner_beta=2.0, inner_tolerance=1e-12)
    return POLASettings(lookahead, learning_rate, outer_beta=2.0, max_outer_steps=max_outer_steps)


STEPS_OF_BOTH = POLASettings(GradientSteps(1.0, 2, inner_beta=1.0), 0.2, outer_beta=2.0, outer_steps=3)
PROXIMAL_LOLA = LOLASettings(ProximalPointSettings(inner_beta=2.0, inner_tolerance=1e-12), 1.0)
THREE = {"num_players": 3, "contribution_factor": 1.6}

SETTINGS = {
    "naive-tabular": shaping(NaiveSettings(1.0)),
    "lola-tabular": shaping(lola(3.0, 1.0)),
    "lola-tabular-two-steps": shaping(lola(1.5, 1.0, 2)),
    "lola-tabular-all-cooperate": shaping(lola(3.0, 1.0), start="all-cooperate"),
    "lola-preconditioned": shaping(lola(0.5, 0.1), "preconditioned-tabular"),
    "lola-mlp": shaping(lola(0.4, 0.1), "mlp"),
    "lola-mlp-two-steps": shaping(lola(0.2, 0.1, 2), "mlp"),
    "lola-mlp-all-cooperate": shaping(lola(0.4, 0.1), "mlp", start="all-cooperate"),
    "lola-mlp-all-defect": shaping(lola(0.4, 0.1), "mlp", start="all-defect"),
    "lola-preconditioned-mlp": shaping(lola(0.4, 0.1), "preconditioned-mlp"),
    "lola-three-players": shaping(lola(1.0, 1.0), **THREE),
    "taylor-tabular": shaping(lola(1.0, 0.1, taylor=True)),
    "taylor-preconditioned": shaping(lola(1.0, 0.1, taylor=True), "preconditioned-tabular"),
    "taylor-mlp": shaping(lola(0.2, 0.1, taylor=True), "mlp"),
    "taylor-three-players": shaping(lola(1.0, 0.1, taylor=True), **THREE),
    "pola-tabular": shaping(pola(2.0, 0.2)),
    "pola-preconditioned": shaping(pola(0.4, 0.02, 30), "preconditioned-tabular"),
    "pola-mlp": shaping(pola(0.25, 0.02, 30), "mlp"),
    "pola-preconditioned-mlp": shaping(pola(0.25, 0.1, 30), "preconditioned-mlp"),
    "pola-three-outer-steps": shaping(STEPS_OF_BOTH),
    "pola-three-players": shaping(pola(1.0, 0.2), **THREE),
    "pola-inner-proximal": shaping(proximal(0.2, 10)),
    "lola-inner-proximal": shaping(PROXIMAL_LOLA),
    "lola-models-tabular": shaping(lola(3.0, 1.0, model="tabular")),
    "lola-models-mlp": shaping(lola(0.2, 1.0, model="mlp")),
    "lola-models-preconditioned": shaping(lola(1.0, 1.0, model="preconditioned-tabular")),
    "pola-models-tabular": shaping(pola_of_models("tabular", 0.2)),
    "pola-models-mlp": shaping(pola_of_models("mlp", 0.05)),
    "pola-models-preconditioned": shaping(pola_of_models("preconditioned-tabular", 0.15)),
}


def own_order(num_players, player, num_states):
    """For each state in the player's own view, its number in the original's order."""
    order = []
    for mine, *others in itertools.product((0, 1), repeat=num_players):
        joint = [*others[:player], mine, *others[player:]]
        order.append(int("".join(map(str, joint)), 2))
    return [*order, 2**num_players][:num_states]


def read(written, kind, order):
    """A policy of ours from the original's numbers."""
    if kind in ("tabular", "preconditioned-tabular"):
        logits = jnp.array(written)[jnp.array(order)][:, None]
        return TabularPolicy(logits) if kind == "tabular" else PreconditionedTabularPolicy(logits)
    hidden, hidden_bias, output, output_bias = map(jnp.array, written)
    network = MLPPolicy((Dense(hidden, hidden_bias), Dense(output, output_bias)))
    return network if kind == "mlp" else PreconditionedMLPPolicy(network, (0, 3))


def figure1(method, network):
    return PRESETS[f"pola-figure1-{method}-network{network}"].settings


SETTINGS |= {f"pola-figure1-{m}-network{k}": figure1(m, k) for m in ("lola", "pola") for k in (1, 2)}

# One of each kind; the others repeat them with another policy, start or number of steps.
QUICK = {
    "lola-tabular-two-steps",
    "lola-preconditioned",
    "lola-mlp-all-defect",
    "lola-three-players",
    "taylor-tabular",
    "pola-tabular",
    "pola-three-outer-steps",
    "pola-inner-proximal",
    "pola-models-tabular",
}
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SETTINGS]


def orders(settings):
    num_states = ExactShapingStudy(settings).matrix_game().num_states
    return [own_order(settings.num_players, player, num_states) for player in range(settings.num_players)]


def policies(settings, written, kind):
    return tuple(read(numbers, kind, order) for numbers, order in zip(written, orders(settings), strict=True))


def models(settings, written, kind):
    """Everybody's models, from player 1's of player 2 and player 2's of player 1; those of oneself are never used."""
    return (policies(settings, written[::-1], kind),) * 2


# Settings that differ in numbers alone share a program. Compiled without optimisation: it is run once.
@functools.partial(jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0})
def update(like, numbers, state):
    return study_of(with_numbers(like, numbers)).update(jax.random.key(0), state)


@pytest.mark.parametrize("name", NAMES)
def test_one_update_equals_the_originals(name):
    settings, original = SETTINGS[name], CASES[name]
    kind, modelling = settings.policy, getattr(settings.algorithm, "opponent_modelling", None)
    state = dataclasses.replace(
        jax.eval_shape(study_of(settings).init, jax.random.key(0)),
        policies=policies(settings, original["start"], kind),
        models=() if modelling is None else models(settings, original["models_before"], modelling.model),
    )
    numbers = numbers_of(settings)
    after, metrics = update(with_numbers(settings, [0.0] * len(numbers)), numbers, state)

    tolerance = SOLUTION if "inner-proximal" in name else ROUNDING
    close = functools.partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    jax.tree.map(close, after.policies, policies(settings, original["after"], kind))
    if "outer_steps" in original:
        assert metrics["outer_steps"].tolist() == original["outer_steps"]
    if modelling is not None:
        assert metrics["model_steps"].tolist() == original["model_steps"]
        expected = models(settings, original["models"], modelling.model)
        close_models = [(after.models[i][1 - i], expected[i][1 - i]) for i in (0, 1)]
        jax.tree.map(close, *zip(*close_models, strict=True))


@pytest.mark.parametrize(
    "name", ["lola-tabular-all-cooperate", "lola-preconditioned-mlp", "lola-mlp-all-defect", "lola-three-players"]
)
def test_returns_and_policies_equal_the_originals(name):
    settings, original = SETTINGS[name], CASES[name]
    evaluate = jax.jit(
        lambda own: quantities(ExactShapingStudy(settings).play(), own),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    found = evaluate(policies(settings, original["after"], settings.policy))
    np.testing.assert_allclose(found["returns"], original["returns"], rtol=1e-12)
    expected = [np.array(row)[order] for row, order in zip(original["cooperation"], orders(settings), strict=True)]
    np.testing.assert_allclose(found["cooperation"], expected, rtol=1e-12)
