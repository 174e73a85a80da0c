import jax
import jax.numpy as jnp
import numpy as np

from lookax.policies.tabular import (
    PreconditionedTabularPolicy,
    TabularPolicy,
    normal_logits,
    preconditioner,
)


def probabilities(policy, num_states=5):
    return jax.nn.softmax(jax.vmap(policy)(jnp.eye(num_states)))


def test_one_free_logit_is_a_sigmoid():
    logits = jnp.array([[-2.0], [0.0], [1.0], [3.0], [0.5]])
    np.testing.assert_allclose(probabilities(TabularPolicy(logits))[:, 1], jax.nn.sigmoid(logits[:, 0]))


def test_three_actions_have_two_free_logits():
    policy = TabularPolicy(jnp.log(jnp.array([[2.0, 3.0]])))
    np.testing.assert_allclose(probabilities(policy, 1), [[1 / 6, 2 / 6, 3 / 6]])


def test_preconditioned_logits_by_hand():
    policy = PreconditionedTabularPolicy(jnp.array([[0.5], [0.1], [0.2], [0.3], [0.4]]))
    mapped = np.array([0.5, 0.1 - 1, 0.2 - 1, 0.3 - 1, 0.4 - 1])
    np.testing.assert_allclose(probabilities(policy)[:, 1], 1 / (1 + np.exp(-mapped)))


def test_preconditioner_has_an_inverse():
    np.testing.assert_allclose(np.linalg.det(preconditioner(5)), 1)


def test_first_logits_have_the_given_spread():
    logits = normal_logits(jax.random.key(0), 10_000, 2, 0.1)
    # The standard deviation of 10 000 draws is good to 0.7 % (one standard error).
    np.testing.assert_allclose(logits.std(), 0.1, rtol=0.03)
