"""How close the shaping terms of Advantage Alignment and LOQA are to LOLA's and POLA's, without sampling.

All sequences of joint actions of a short iterated prisoner's dilemma are gone through, with policies that remember one
step. docs/concepts/shaping-without-differentiating-through-steps.md quotes the means.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from lookax.games.matrix_game import MatrixGame, own_view
from lookax.games.payoffs import TWO_PLAYER_GAMES
from lookax.surrogates.alignment import aligned_advantages, opponent_log_prob

GAME = MatrixGame(TWO_PLAYER_GAMES["prisoners-dilemma"])
HORIZON, DISCOUNT, PAIRS = 6, 0.9, 40
PAYOFFS = np.asarray(GAME.payoffs).reshape(2, 4)
JOINT = np.array(list(itertools.product(range(4), repeat=HORIZON)))
SUCCESSORS = np.asarray(GAME.histories.successors)
VIEWS = [own_view(GAME, player) for player in (0, 1)]


def visited():
    states = np.full(JOINT.shape, GAME.histories.start)
    for t in range(1, HORIZON):
        states[:, t] = SUCCESSORS[states[:, t - 1], JOINT[:, t - 1]]
    return states


STATES = visited()


def log_policy(logits, player):
    """Log π(a|s), states in the game's order, `[S, 2]`."""
    return jax.nn.log_softmax(jnp.stack([jnp.zeros(5), logits], axis=1), axis=1)[VIEWS[player]]


def joint_log_probs(mine, theirs):
    both = log_policy(mine, 0)[:, :, None] + log_policy(theirs, 1)[:, None]
    return both.reshape(GAME.num_states, 4)


def values(mine, theirs):
    """V and Q of both players by backward induction, `[T+1, 2, S]` and `[T, 2, S, 4]`."""
    chances, later, found, of_actions = jnp.exp(joint_log_probs(mine, theirs)), jnp.zeros((2, GAME.num_states)), [], []
    found.append(later)
    for _ in range(HORIZON):
        of_actions.append(PAYOFFS[:, None] + DISCOUNT * later[:, SUCCESSORS])
        later = (chances * of_actions[-1]).sum(axis=-1)
        found.append(later)
    return jnp.stack(found[::-1]), jnp.stack(of_actions[::-1])


def value(mine, theirs, player):
    return values(mine, theirs)[0][0, player, GAME.histories.start]


def lola_and_pola(mine, theirs):
    """(∇ⱼJᵢ)ᵀ M ∇ᵢ∇ⱼJⱼ with M the identity, and the inverse curvature of KL with all states weighted alike."""
    up = jax.grad(lambda theirs: value(mine, theirs, 0))(theirs)
    mixed = jax.jacfwd(lambda mine: jax.grad(lambda theirs: value(mine, theirs, 1))(theirs))(mine)
    chance = jax.nn.sigmoid(theirs)
    return up @ mixed, (up / (chance * (1 - chance))) @ mixed


def sampled_terms(mine, theirs):
    """The shaping terms of Advantage Alignment and LOQA, as expectations over all sequences; all steps count alike."""
    table, of_actions = values(mine, theirs)
    advantages = jnp.stack([
        of_actions[t][:, STATES[:, t], JOINT[:, t]] - table[t][:, STATES[:, t]] for t in range(HORIZON)
    ])  # fmt: skip
    chances = jnp.exp(joint_log_probs(mine, theirs)[STATES, JOINT].sum(axis=1))
    acted = jax.nn.one_hot(JOINT % 2, 2)
    logits = log_policy(theirs, 1)[STATES]

    def surrogates(own):
        log_probs = log_policy(own, 0)[STATES, JOINT // 2]

        def one(log_probs, advantages, logits, acted):
            mine, others = advantages[:, 0], advantages[:, 1]
            aligned = aligned_advantages(mine, others[:, None], DISCOUNT, 1 / DISCOUNT) - mine
            taken = (logits * acted).sum(axis=1)
            # Whose action values are its logits plays softmax of them; returns less values are advantages.
            theirs = opponent_log_prob(log_probs, taken, taken - others, logits, acted, DISCOUNT)
            return jnp.stack([aligned @ log_probs, mine @ theirs])

        return chances @ jax.vmap(one)(log_probs, jnp.moveaxis(advantages, 2, 0), logits, acted)

    return jax.jacrev(surrogates)(mine)


def test_their_shaping_terms_point_where_lolas_and_polas_do():
    @jax.jit
    def cosines(mine, theirs):
        exact, sampled = jnp.stack(lola_and_pola(mine, theirs)), sampled_terms(mine, theirs)
        norms = jnp.linalg.norm(sampled, axis=1)[:, None] * jnp.linalg.norm(exact, axis=1)
        return sampled @ exact.T / norms

    rng = np.random.default_rng(0)
    found = np.array([cosines(*map(jnp.asarray, rng.normal(size=(2, 5)))) for _ in range(PAIRS)])
    # Without sampling there is no noise: these are the numbers of the documentation, to its digits.
    np.testing.assert_allclose(found.mean(axis=0), [[0.84, 0.84], [0.80, 0.80]], atol=0.006)
    assert 0.32 < found.min() < 0.33
