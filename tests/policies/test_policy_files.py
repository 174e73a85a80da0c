import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.policies.factory import PolicyMaker
from lookax.policies.policy_files import parse_policies, read_policies, write_policies

TABLE = [[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.6, 0.7, 0.8, 0.9]]


@pytest.fixture
def game():
    return MatrixGame(contribution_payoffs(1.3))


def cooperation(maker, policies):
    rows = [jax.nn.softmax(jax.vmap(p)(seen))[:, 1] for p, seen in zip(policies, maker.observations(), strict=True)]
    return np.array(rows)


@pytest.mark.parametrize("kind", ["tabular", "preconditioned-tabular"])
def test_probabilities_are_what_the_policies_then_have(game, kind):
    maker = PolicyMaker(game, kind)
    policies = parse_policies({"probabilities": TABLE}, maker)
    expected = np.array(TABLE)
    expected[1] = expected[1][[0, 2, 1, 3, 4]]  # the second player's own view, in the game's order of states
    np.testing.assert_allclose(cooperation(maker, policies), expected)


@pytest.mark.parametrize("kind", ["tabular", "preconditioned-tabular", "mlp", "preconditioned-mlp"])
def test_what_is_written_reads_back(game, kind):
    maker = PolicyMaker(game, kind)
    policies = maker.initial(jax.random.key(1))
    again = parse_policies(json.loads(json.dumps(write_policies(policies))), maker)
    np.testing.assert_allclose(cooperation(maker, again), cooperation(maker, policies), rtol=1e-12)


def test_several_actions_take_a_row_per_state():
    maker = PolicyMaker(MatrixGame(jnp.zeros((2, 3, 2))), "tabular")
    states = maker.game.num_states
    policies = parse_policies({"probabilities": [[[0.2, 0.3, 0.5]] * states, [0.4] * states]}, maker)
    np.testing.assert_allclose(jax.nn.softmax(policies[0](jnp.eye(states)[0])), [0.2, 0.3, 0.5])
    np.testing.assert_allclose(jax.nn.softmax(policies[1](jnp.eye(states)[0])), [0.6, 0.4])


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ([1, 2], "object with one key, logits or probabilities"),
        ({"layers": []}, "object with one key, logits or probabilities"),
        ({"logits": [[0.0] * 5]}, "must list 2 players under 'logits'"),
        ({"logits": [[0.0] * 4] * 2}, r"logits of player 1 of shape \(4,\); it must be \(5, 1\) or \(5,\)"),
        ({"logits": [[0.0] * 5, ["x"] * 5]}, "logits of player 2 that are not an array of numbers"),
        ({"logits": [[float("nan")] * 5] * 2}, "logits of player 1 that are not finite"),
        ({"probabilities": [[0.0] * 5] * 2}, "probabilities of player 1 that are not strictly between 0 and 1"),
    ],
)
def test_bad_tables_are_refused(game, written, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_policies(written, PolicyMaker(game, "tabular"))


@pytest.mark.parametrize(
    ("layers", "complaint"),
    [
        ([], "must have 2 layers of player 1"),
        ([{"weight": [], "bias": []}, {}], r"weights of layer 0 of player 1 of shape \(0,\); it must be \(16, 6\)"),
        ([{"weights": []}, {}], "with the keys weight and bias"),
    ],
)
def test_bad_networks_are_refused(game, layers, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_policies({"layers": [layers, layers]}, PolicyMaker(game, "mlp"))


def test_unreadable_files_are_named(game, tmp_path):
    maker = PolicyMaker(game, "tabular")
    with pytest.raises(ValueError, match=r"initial_policies: .*none.json' cannot be read"):
        read_policies(tmp_path / "none.json", maker)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"initial_policies: .*broken.json' cannot be read"):
        read_policies(tmp_path / "broken.json", maker)
