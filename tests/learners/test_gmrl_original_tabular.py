"""Meta-gradients of MAML-RL and LIRPG in a tabular MDP against numbers that the original code of GMRL gave.

What was run, with which MDP and trajectories: the header of tests/data/gmrl_tabular.json. Only drawing is replaced: of
trajectories, by the recorded ones of each part of an estimate, and of the noise in values.
"""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lookax.choices import Surrogate
from lookax.experiments.settings.tabular_meta_gradients import MAMLGradient
from lookax.experiments.studies.tabular_meta_gradients import MAMLGradientStudy
from lookax.games.tabular_mdp import TabularMDP
from lookax.learners.lirpg import lirpg_gradient
from lookax.learners.maml_rl import maml_gradient
from lookax.learners.objectives import mdp_returns
from lookax.learners.objectives.adaptation import Adaptation
from lookax.learners.objectives.mdp_returns import ExactReturn, SampledReturn
from lookax.lookahead.lookahead import Lookahead
from lookax.policies.tabular import SoftmaxTabularPolicy
from lookax.rollouts.trajectory import Trajectory

ORIGINAL = json.loads((Path(__file__).parents[1] / "data" / "gmrl_tabular.json").read_text(encoding="utf-8"))
NAMES: dict[str, Surrogate] = {"dice": "dice", "loaded": "loaded-dice", "lvc": "lvc", "maml": "score-function"}
GAMES = {part: (np.array(own["states"]).T, np.array(own["actions"]).T) for part, own in ORIGINAL["games"].items()}
HORIZON, BATCH = GAMES["inner"][1].shape
DISCOUNT, RATE, STEPS = (ORIGINAL[name] for name in ("discount", "inner_learning_rate", "steps"))
KEY = jax.random.key(0)

# Sums of some hundred products in double precision, of which two digits cancel at most.
ROUNDING: Any = {"rtol": 1e-11, "atol": 1e-12}


@pytest.fixture
def estimates(monkeypatch):
    """From a part's name and an estimator to an estimate by the part's recorded trajectories."""
    recorded: Any = []

    def rollout(mdp, log_probs, key, *, horizon, batch_size, values):
        del key
        states, actions = recorded[-1]
        assert (horizon, batch_size) == actions.shape
        rewards = mdp.rewards[states[:-1], actions]
        return Trajectory(
            jnp.asarray(states), jnp.asarray(actions), rewards, log_probs[states[:-1], actions], values[states]
        )

    def normal(key, shape):
        del key
        noise = jnp.array(ORIGINAL["noise"])
        assert shape == noise.shape
        return noise

    monkeypatch.setattr(mdp_returns, "rollout", rollout)
    monkeypatch.setattr(jax.random, "normal", normal)

    def estimate(part, estimator, **settings):
        sampled = SampledReturn(
            surrogate=NAMES[estimator],
            num_trajectories=BATCH,
            discount=DISCOUNT,
            horizon=HORIZON,
            value_noise=1.0,
            chunk=BATCH,
            **settings,
        )

        def by_recorded(mdp, policy, key):
            recorded.append(GAMES[part])
            return sampled(mdp, policy, key)

        return by_recorded

    return estimate


def mdp():
    return TabularMDP(ORIGINAL["transitions"], ORIGINAL["rewards"])


def policy():
    return SoftmaxTabularPolicy(jnp.array(ORIGINAL["logits"]))


def maml(adaptation):
    gradient = jax.jit(
        lambda policy: maml_gradient(adaptation, mdp(), policy, KEY)[1],
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return gradient(policy()).logits


def exact_adaptation(steps):
    exact = ExactReturn(discount=DISCOUNT)
    return Adaptation(inner=exact, hessian=exact, outer=exact, lookahead=Lookahead(optax.sgd(RATE), steps))


@pytest.mark.parametrize("estimator", NAMES)
def test_maml_with_all_parts_estimated(estimates, estimator):
    inner, hessian, outer = (estimates(part, estimator) for part in GAMES)
    found = maml(Adaptation(inner=inner, hessian=hessian, outer=outer, lookahead=Lookahead(optax.sgd(RATE), STEPS)))
    np.testing.assert_allclose(found, ORIGINAL["maml"][estimator]["gradient"], **ROUNDING)


@pytest.mark.parametrize("estimator", NAMES)
def test_maml_of_one_step_whose_hessian_is_estimated(estimates, estimator):
    exact = ExactReturn(discount=DISCOUNT)
    found = maml(
        Adaptation(
            inner=exact, hessian=estimates("hessian", estimator), outer=exact, lookahead=Lookahead(optax.sgd(RATE), 1)
        )
    )
    np.testing.assert_allclose(found, ORIGINAL["one_step"][estimator]["gradient"], **ROUNDING)


def test_maml_all_exact():
    np.testing.assert_allclose(maml(exact_adaptation(STEPS)), ORIGINAL["maml"]["dice"]["exact"], **ROUNDING)
    np.testing.assert_allclose(maml(exact_adaptation(1)), ORIGINAL["one_step"]["dice"]["exact"], **ROUNDING)


def test_an_error_of_the_hessian():
    settings = MAMLGradient(
        hessian_error=ORIGINAL["hessian_error"], hessian_error_noise=0.0, inner_learning_rate=RATE, inner_steps=STEPS,
        discount=DISCOUNT,
    )  # fmt: skip
    found = maml(MAMLGradientStudy(settings).adaptation())
    np.testing.assert_allclose(found, ORIGINAL["maml"]["hessian_error"]["gradient"], **ROUNDING)


def lirpg(adaptation):
    gradient = jax.jit(
        lambda reward: lirpg_gradient(adaptation, mdp(), policy(), reward, KEY)[1],
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return gradient(jnp.array(ORIGINAL["intrinsic_reward"]))


@pytest.mark.parametrize("stop_values", [False, True])
@pytest.mark.parametrize("estimator", ["lvc", "maml"])
def test_lirpg_with_sampled_steps(estimates, estimator, stop_values):
    settings = {"gae_lambda": ORIGINAL["gae_lambda"], "stop_values": stop_values}
    inner, hessian = (estimates(part, estimator, **settings) for part in ("inner", "hessian"))
    found = lirpg(
        Adaptation(
            inner=inner,
            hessian=hessian,
            outer=ExactReturn(discount=DISCOUNT),
            lookahead=Lookahead(optax.sgd(RATE), STEPS),
        )
    )
    theirs = ORIGINAL["lirpg"][estimator + ("_detached" if stop_values else "")]
    np.testing.assert_allclose(found, theirs["gradient"], **ROUNDING)


def test_lirpg_all_exact():
    np.testing.assert_allclose(lirpg(exact_adaptation(STEPS)), ORIGINAL["lirpg"]["lvc"]["exact"], **ROUNDING)
