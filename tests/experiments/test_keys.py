"""No random key is used twice: JAX's own checker goes through the program of every kind of experiment.

It sees keys that are drawn from twice, drawn from and split, or stacked, within one program, loops included. Not of
meta-learning in tabular MDPs: going back through a sampled step is to sample the same once more, by the same key.
"""

from typing import Any

import jax
import pytest

from lookax.experiments.settings.actor_critics import ActorCriticLearning
from lookax.experiments.settings.exact_learners import GradientSteps, LOLASettings, OpponentModellingSettings
from lookax.experiments.settings.exact_shaping import ExactShaping
from lookax.experiments.settings.recurrent_shaping import RecurrentShaping
from lookax.experiments.settings.sampled_shaping import SampledShaping
from lookax.experiments.studies.study import study_of, validate

AGENTS: dict[str, Any] = {
    "horizon": 2,
    "batch_size": 4,
    "outer_steps": 2,
    "inner_steps": 2,
    "model_batches": 2,
    "model_steps": 2,
    "hidden_size": 2,
    "evaluation_games": 2,
}
GAMES: dict[str, Any] = {
    "horizon": 2,
    "inner_batch_size": 2,
    "hessian_batch_size": 2,
    "outer_batch_size": 2,
    "buffer_size": 4,
}
WINDOWS: dict[str, Any] = {"console": "minatar", "game": "breakout", "batch_size": 2, "steps": 2, "total_updates": 2}


@pytest.mark.parametrize(
    "experiment",
    [
        RecurrentShaping(**AGENTS, opponent_model=True),
        RecurrentShaping(**AGENTS, game="coin", opponent="lola-dice", critic_after_loop=True),
        RecurrentShaping(**AGENTS, tremble_probability=0.1, defector_fraction=0.5, baseline="zero"),
        SampledShaping(**GAMES, inner_steps=2, hessian_estimator="dice"),
        SampledShaping(
            **GAMES, inner_steps=2, inner_estimator="off-policy-dice", hessian_estimator="off-policy-dice-baseline"
        ),
        ActorCriticLearning(**WINDOWS),
        ActorCriticLearning(**WINDOWS, meta=False),
        ExactShaping(LOLASettings(GradientSteps(), opponent_modelling=OpponentModellingSettings("mlp")), policy="mlp"),
    ],
    ids=lambda experiment: type(experiment).__name__,
)
def test_no_key_is_used_twice(experiment):
    if isinstance(experiment, ActorCriticLearning):
        pytest.importorskip("gymnax")
    validate(experiment)
    study = study_of(experiment)
    with jax.enable_x64(False):
        key = jax.random.key(0)
        state = jax.eval_shape(study.init, key)
        with jax.debug_key_reuse(True):
            jax.jit(study.init).trace(key)
            jax.jit(study.update).trace(key, state)
            jax.jit(study.evaluate).trace(key, state)


def test_the_checker_sees_a_key_that_is_used_twice():
    def twice(key):
        return jax.random.uniform(key) + jax.random.uniform(jax.random.split(key)[0])

    with jax.debug_key_reuse(True), pytest.raises(jax.errors.KeyReuseError):
        jax.jit(twice).trace(jax.random.key(0))
