"""A player's return in a matrix game as an objective: exact, of games that are played for it, or of older ones.

See [`GameReturn`][lookax.learners.objectives.estimates.GameReturn].
"""

import dataclasses
from typing import get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree, ScalarLike

from lookax.choices import GameEstimator
from lookax.concrete import known
from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.games.exact_play import ExactPlay
from lookax.games.game import Policies
from lookax.learners.objectives.replay import ReplayBuffer
from lookax.rollouts.tabular import game_rollout, look_up
from lookax.rollouts.trajectory import Trajectory
from lookax.surrogates.by_name import surrogate_by_name
from lookax.surrogates.off_policy import capped_weights, effective_sample_size, off_policy_dice, self_normalised_dice


class PlayedReturn(eqx.Module):
    """The mean of a surrogate over games that the policies play, or, of the estimator `"exact"`, Vᵢ itself.

    Surrogates are of the sum of all players' log-probabilities, for any of their actions may matter to a reward. Games
    are cut after `horizon` steps, and what would come later counts as nothing. (Exact values have the play's horizon.)

    **Attributes:**

    - `estimator`: how.
    - `batch_size`: number of games; where the estimator is exact, they are for a critic alone.
    - `horizon`: their number of steps.
    - `gae_lambda`: λ of Loaded DiCE's advantages.

    **Raises:** `ValueError` for an unknown estimator or numbers out of range; self-normalised DiCE takes 2 games.
    """

    _: dataclasses.KW_ONLY
    estimator: GameEstimator = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    horizon: int = eqx.field(static=True)
    gae_lambda: ScalarLike = 1.0

    def __check_init__(self):
        rule = f"one of {', '.join(get_args(GameEstimator))}"
        check(self.estimator in get_args(GameEstimator), "estimator", self.estimator, rule)
        check_at_least("batch_size", self.batch_size, 2 if self.estimator == "self-normalised-dice" else 1)
        check_at_least("horizon", self.horizon, 1)

    def prepare(
        self, play: ExactPlay, policies: Policies, values: Float[Array, "N S"], buffer: PyTree, key: Key[Array, ""]
    ) -> tuple[Trajectory, PyTree]:
        """Games of these policies, with their values; the buffer stays as it is. Exact returns make no use of them.

        **Arguments:**

        - `play`: the game, with its discount.
        - `policies`: one per player.
        - `values`: V(s) of every player, `[N, S]`.
        - `buffer`: whatever the learner keeps; it is returned unchanged.
        - `key`: where games are drawn from.
        """
        return play_games(play, policies, key, self.horizon, self.batch_size, values), buffer

    def __call__(self, play: ExactPlay, player: int, policies: Policies, games: Trajectory) -> Float[Array, ""]:
        """The mean surrogate, with recorded values as baselines."""
        surrogate = self.estimator
        if surrogate == "exact":
            return play.values(policies)[player]
        log_probs, rewards = _joint_log_probs(play, policies, games), games.rewards[:, player]
        if surrogate == "self-normalised-dice":
            return self_normalised_dice(log_probs, rewards, play.discount)
        assert games.values is not None

        def of_one(log_probs, rewards, values):
            values = values.at[-1].set(0)
            return surrogate_by_name(surrogate, log_probs, rewards, values, play.discount, self.gae_lambda)

        return jax.vmap(of_one, in_axes=1)(log_probs, rewards, games.values[:, player]).mean()


class ReplayedReturn(eqx.Module):
    """Off-policy DiCE over the games in a replay buffer, to which the policies' own are added first.

    What a policy has learned from a game it is not independent of, which unbiasedness off-policy would need it to be.

    **Attributes:**

    - `batch_size`: number of games that are added.
    - `horizon`: number of steps of a game.
    - `baseline`: use values as baseline.
    - `ceiling`, `self_normalised`: of weights, as in [`off_policy_dice`][lookax.surrogates.off_policy.off_policy_dice].

    **Raises:** `ValueError` for numbers out of range.
    """

    _: dataclasses.KW_ONLY
    batch_size: int = eqx.field(static=True)
    horizon: int = eqx.field(static=True)
    baseline: bool = eqx.field(static=True, default=True)
    ceiling: ScalarLike = jnp.inf
    self_normalised: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_at_least("batch_size", self.batch_size, 1)
        check_at_least("horizon", self.horizon, 1)
        if (ceiling := known(self.ceiling)) is not None and ceiling != jnp.inf:
            check_positive("ceiling", ceiling)

    def prepare(
        self, play: ExactPlay, policies: Policies, values: Float[Array, "N S"], buffer: PyTree, key: Key[Array, ""]
    ) -> tuple[Trajectory, ReplayBuffer]:
        """All games in the buffer, once the policies' own are in it; with present values, not those of back then.

        **Arguments:**

        - `play`: the game, with its discount.
        - `policies`: one per player.
        - `values`: V(s) of every player, `[N, S]`.
        - `buffer`: the replay buffer.
        - `key`: where games are drawn from.
        """
        if not isinstance(buffer, ReplayBuffer):
            raise BadInputError("buffer: there is none; give the learner a `first_buffer` of games")
        if self.self_normalised:
            check_at_least("size of the replay buffer", buffer.size, 2)
        buffer = buffer.add(play_games(play, policies, key, self.horizon, self.batch_size))
        states = buffer.games.states
        shape = (play.num_players, *states.shape)
        present = values[:, states] if self.baseline else jnp.zeros(shape)
        return dataclasses.replace(buffer.games, values=jnp.moveaxis(present, 0, 1)), buffer

    def __call__(self, play: ExactPlay, player: int, policies: Policies, games: Trajectory) -> Float[Array, ""]:
        """Off-policy DiCE, with recorded values as baselines."""
        assert games.values is not None
        return off_policy_dice(
            _joint_log_probs(play, policies, games),
            games.log_probs.sum(1),
            games.rewards[:, player],
            games.values[:-1, player],
            play.discount,
            ceiling=self.ceiling,
            self_normalised=self.self_normalised,
        )

    def capped_weights(self, play: ExactPlay, policies: Policies, games: Trajectory) -> Int[Array, ""]:
        """How many weights of these games are above the cap of [`lookax.surrogates.off_policy`][].

        **Arguments:** the `play`, a game with its discount; the `policies` that are evaluated, one per player;
        `games`, with the log-probabilities of the policies that played them.
        """
        if self.self_normalised:
            return jnp.array(0)
        return capped_weights(_joint_log_probs(play, policies, games), games.log_probs.sum(1), self.ceiling)


def buffer_sample_size(play: ExactPlay, policies: Policies, games: Trajectory) -> Float[Array, ""]:
    """How many games of their own these games are worth to the policies.

    The mean over steps of [`effective_sample_size`][lookax.surrogates.off_policy.effective_sample_size], weighted as
    rewards are, by γᵗ.

    **Arguments:** the `play`, a game with its discount; the `policies` that are evaluated, one per player;
    `games`, with the log-probabilities of the policies that played them.
    """
    sizes = effective_sample_size(_joint_log_probs(play, policies, games), games.log_probs.sum(1))
    weights = jnp.power(play.discount, jnp.arange(len(sizes)))
    return weights @ sizes / weights.sum()


def play_games(
    play: ExactPlay,
    policies: Policies,
    key: Key[Array, ""],
    horizon: int,
    batch_size: int,
    values: Float[Array, "N S"] | None = None,
) -> Trajectory:
    """Games that these policies play, as constants; with their values, if given.

    **Arguments:**

    - `play`: the game, with its discount.
    - `policies`: one per player.
    - `key`: where games are drawn from.
    - `horizon`: T, the number of steps of a game.
    - `batch_size`: B, the number of games.
    - `values`: V(s) of every player, `[N, S]`; `None` for none.
    """
    games = game_rollout(
        play.game, _log_probs(play, policies), key, horizon=horizon, batch_size=batch_size, values=values
    )
    return jax.lax.stop_gradient(games)


def _log_probs(play: ExactPlay, policies: Policies) -> tuple[Float[Array, "S _"], ...]:
    return tuple(play.log_probs_in_game_order(player, policy) for player, policy in enumerate(policies))


def _joint_log_probs(play: ExactPlay, policies: Policies, games: Trajectory) -> Float[Array, "T B"]:
    """Σᵢ log πᵢ(aₜ|sₜ) of actions that were played."""
    table = play.game.joint_log_probs(_log_probs(play, policies))
    return look_up(table, games.states[:-1], play.game.joint_action(games.actions))
