import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.exact_mdp import action_values, policy_log_probs, state_values
from lookax.learners.objectives.mdp_returns import ExactReturn, SampledReturn
from lookax.policies.tabular import SoftmaxTabularPolicy
from lookax.rollouts.tabular import rollout

DISCOUNT = 0.7
SURROGATES = ("score-function", "lvc", "dice", "dice-baseline", "loaded-dice")


def gradients(estimate, mdp, policy, key):
    """In the policy's logits and in the rewards."""

    def value(policy, rewards):
        return estimate(mdp.with_rewards(rewards), policy, key)

    by_policy, by_rewards = jax.jit(jax.grad(value, argnums=(0, 1)))(policy, mdp.rewards)
    return by_policy.logits, by_rewards


def test_the_exact_return_has_the_policy_gradient(mdp, policy):
    # ∇J = Σₛ d(s) Σₐ Q(s, a) ∇π(a|s) (Sutton et al. 2000), with d by summing P's powers.
    log_probs = policy_log_probs(mdp, policy)
    probabilities = np.exp(log_probs)
    transitions = np.einsum("sa,sat->st", probabilities, mdp.transitions)
    visits = np.sum([DISCOUNT**t * np.linalg.matrix_power(transitions, t)[0] for t in range(200)], axis=0)
    advantages = action_values(mdp, log_probs, DISCOUNT) - state_values(mdp, log_probs, DISCOUNT)[:, None]
    by_policy, _ = gradients(ExactReturn(discount=DISCOUNT), mdp, policy, jax.random.key(0))
    np.testing.assert_allclose(by_policy, visits[:, None] * probabilities * advantages, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_sampled_gradients_average_to_the_exact_one(surrogate, mdp, policy):
    # The horizon leaves out 0.7⁴⁰ = 6e-7 of the weight of DiCE without baseline, less of the others.
    estimate = SampledReturn(surrogate=surrogate, num_trajectories=64, discount=DISCOUNT, horizon=40, value_noise=1.0)
    keys = jax.random.split(jax.random.key(2), 200)
    samples = jax.jit(jax.vmap(lambda key: gradients(estimate, mdp, policy, key)[0]))(keys)
    exact, _ = gradients(ExactReturn(discount=DISCOUNT), mdp, policy, jax.random.key(0))
    errors = samples.std(axis=0) / np.sqrt(len(keys))
    # 12 numbers within 4.5 standard errors: fails by chance once in 10 000 (plus DiCE's truncation).
    assert (np.abs(samples.mean(axis=0) - exact) < 4.5 * errors + 1e-5).all()
    assert np.abs(exact).max() > 5 * errors.max()


def test_first_derivatives_of_score_function_lvc_and_loaded_dice_are_the_same(mdp, policy):
    @jax.jit
    def slopes(gae_lambda):
        estimates = (
            SampledReturn(
                surrogate=surrogate, num_trajectories=5, discount=DISCOUNT, gae_lambda=gae_lambda, value_noise=1.0
            )
            for surrogate in ("score-function", "lvc", "loaded-dice")
        )
        return [gradients(estimate, mdp, policy, jax.random.key(3))[0] for estimate in estimates]

    for gae_lambda in (1.0, 0.8):
        first, *others = slopes(gae_lambda)
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-12, atol=1e-14)


def test_a_traced_number_of_trajectories_gives_the_same(mdp, policy):
    # First derivatives, and products with the Hessian.
    def derivatives(number):
        estimate = SampledReturn(
            surrogate="loaded-dice", num_trajectories=number, discount=DISCOUNT, value_noise=1.0, chunk=8
        )
        gradient = lambda logits: gradients(estimate, mdp, SoftmaxTabularPolicy(logits), jax.random.key(4))
        return jax.jvp(gradient, (policy.logits,), (jnp.cos(policy.logits),))

    traced = jax.jit(derivatives)
    for number in (1, 7, 8, 19):
        both = traced(float(number)), jax.jit(derivatives, static_argnums=0)(number)
        for mine, theirs in zip(*map(jax.tree.leaves, both), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-13, err_msg=str(number))


def test_samples_are_those_of_the_chunks_keys_and_only_whole_ones_count(mdp, policy):
    key = jax.random.key(5)
    log_probs = policy_log_probs(mdp, policy)
    _, play_key = jax.random.split(key)
    play = jax.jit(lambda key: rollout(mdp, log_probs, key, horizon=20, batch_size=4).rewards)
    rewards = np.concatenate([play(jax.random.fold_in(play_key, i)) for i in (0, 1)], axis=1)
    for number in (1, 4, 6):
        value = jax.jit(SampledReturn(surrogate="dice", num_trajectories=number, discount=DISCOUNT, chunk=4))(
            mdp, policy, key
        )
        # DiCE's value is the return.
        returns = DISCOUNT ** np.arange(20) @ rewards[:, :number]
        np.testing.assert_allclose(value, returns.mean(), rtol=1e-12)


def test_memory_does_not_grow_with_the_number_of_trajectories(mdp, policy):
    def temporary(number):
        estimate = SampledReturn(surrogate="loaded-dice", num_trajectories=number, discount=DISCOUNT, chunk=32)
        program = jax.jit(lambda policy: gradients(estimate, mdp, policy, jax.random.key(0))).lower(policy).compile()
        memory = program.memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    assert temporary(32 * 1000) < 1.5 * temporary(64)


def test_values_can_be_stopped_in_rewards(mdp, policy):
    key, weights = jax.random.key(6), jnp.cos(jnp.arange(12.0)).reshape(4, 3)
    log_probs = policy_log_probs(mdp, policy)
    _, play_key = jax.random.split(key)
    first_key = jax.random.fold_in(play_key, 0)
    played = jax.jit(lambda key: rollout(mdp, log_probs, key, horizon=20, batch_size=32))(first_key)

    def by_rewards(**options):
        def slope_along(rewards):
            estimate = SampledReturn(surrogate="lvc", num_trajectories=32, discount=DISCOUNT, **options)
            slope = jax.grad(lambda p: estimate(mdp.with_rewards(rewards), p, key))(policy)
            return jnp.sum(slope.logits * weights)

        return jax.jit(jax.grad(slope_along))(mdp.rewards)

    def by_hand(stop):
        """Σₜ γᵗ Aₜ ∇log π(aₜ|sₜ), Aₜ by numpy's loops, with values that are frozen or follow the rewards."""

        def slope_along(rewards):
            values = state_values(mdp.with_rewards(mdp.rewards if stop else rewards), log_probs, DISCOUNT)
            returns = values[played.states[-1]]
            total = 0.0
            for t in reversed(range(20)):
                states, actions = played.states[t], played.actions[t]
                returns = rewards[states, actions] + DISCOUNT * returns
                scores = weights[states, actions] - jnp.sum(jnp.exp(log_probs) * weights, axis=1)[states]
                total += DISCOUNT**t * jnp.mean((returns - values[states]) * scores)
            return total

        return jax.jit(jax.grad(slope_along))(mdp.rewards)

    followed, stopped = by_rewards(), by_rewards(stop_values=True)
    np.testing.assert_allclose(followed, by_hand(stop=False), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(stopped, by_hand(stop=True), rtol=1e-9, atol=1e-13)
    assert not np.allclose(followed, stopped)


def test_whole_numbers_as_settings_and_a_traced_number_of_trajectories(mdp, policy):
    def slope(number, gae_lambda):
        estimate = SampledReturn(surrogate="lvc", num_trajectories=number, discount=DISCOUNT, gae_lambda=gae_lambda)
        return gradients(estimate, mdp, policy, jax.random.key(7))[0]

    np.testing.assert_allclose(jax.jit(slope, static_argnums=1)(4, 1), slope(4, 1.0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: ExactReturn(discount=1.0), "discount: 1.0 is not allowed"),
        (lambda: ExactReturn(discount=1.0, horizon=0), "horizon: 0 is not allowed"),
        (
            lambda: SampledReturn(surrogate="lvc", num_trajectories=0, discount=0.9),
            "num_trajectories: 0 is not allowed; it must be at least 1",
        ),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=-3, discount=0.9), "num_trajectories: -3"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=0.9, horizon=0), "horizon: 0"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=0.9, chunk=0), "chunk: 0"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=1.0), "discount: 1.0"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=jnp.array(0), discount=0.9), "num_trajectories: 0"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=jnp.array(1.0)), "discount: 1.0"),
        (lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=0.9, gae_lambda=-3.0), "gae_lambda: -3.0"),
        (
            lambda: SampledReturn(surrogate="lvc", num_trajectories=3, discount=0.9, value_noise=-1.0),
            "value_noise: -1.0",
        ),
    ],
)
def test_nonsense_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


def test_an_unknown_surrogate_is_refused():
    unchecked = object.__new__(SampledReturn)  # users run without the tests' type checker
    for name, value in (
        ("surrogate", "laoded"),
        ("num_trajectories", 3),
        ("horizon", 3),
        ("chunk", 3),
        ("discount", 0.9),
    ):
        object.__setattr__(unchecked, name, value)
    with pytest.raises(ValueError, match="surrogate: 'laoded' is not allowed; it must be one of score-function"):
        unchecked.__check_init__()
