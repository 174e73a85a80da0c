"""LOQA, Advantage Alignment and PPO in games with others, in one line each, with settings that usually work."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, Unpack

import jax
from jaxtyping import Array, Key, ScalarLike

from lookax.errors import BadInputError, check, check_at_least, check_positive
from lookax.games.game import Game
from lookax.learners.agents import Agents
from lookax.learners.objectives.actor_critic import learning_optimiser
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves
from lookax.learners.opponents.self_play import SelfPlay
from lookax.learners.policy_gradients.advantage_alignment import AdvantageAlignment
from lookax.learners.policy_gradients.loqa import LOQA
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient
from lookax.learners.policy_gradients.ppo import PPO
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.mlp import ScaledLayer
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy, strategy_maker
from lookax.rollouts.check_game import check_game
from lookax.rollouts.microbatches import Play
from lookax.training.constructors import PolicyFactory, new_agent


class Options(TypedDict, total=False):
    """What [`loqa`][lookax.training.policy_gradients.loqa] and those after it take besides; in parentheses the default.

    **Attributes:**

    - `self_play` (`True`): one agent has all seats and learns from each; otherwise each player's learns separately.
    - `against` (none): a fraction of the games against each fixed strategy, by name, such as `{"always-defect": 0.3}`.
    - `earlier_selves` (`None`): how opponents are drawn from earlier policies.
    - `horizon` (32), `batch_size` (96): steps of a game, and how many games a gradient is of.
    - `discount` (0.96): γ per step.
    - `gae_lambda` (0.9), `critic_lambda` (0.95): λ of advantages, and of what critics learn.
    - `learning_rate` (0.01): of Adam; gradients are shortened to a norm of 10.
    - `entropy_coefficient` (0.06), `value_coefficient` (0.02): of the entropy, and of the critic's squared error.
    - `value_scale` (10): critics put out this many times what their last layer does; about the size of returns.
    - `hidden_size` (32): of GRU networks, with the critic as a second head.
    - `policy` (`None`): `make(key, num_inputs, num_outputs)` for policies of your own; critics are networks apart.
    """

    self_play: bool
    against: Mapping[str, float]
    earlier_selves: EarlierSelves | None
    horizon: int
    batch_size: int
    discount: ScalarLike
    gae_lambda: ScalarLike
    critic_lambda: ScalarLike
    learning_rate: ScalarLike
    entropy_coefficient: ScalarLike
    value_coefficient: ScalarLike
    value_scale: float
    hidden_size: int
    policy: PolicyFactory | None


def loqa(
    game: Game, *, weight: ScalarLike = 0.6, decay: ScalarLike = 0.9, **options: Unpack[Options]
) -> SelfPlay | Agents:
    """[`LOQA`][lookax.learners.policy_gradients.loqa.LOQA] of agents with a memory.

    ```python
    game = lx.OneCoinGame(view="egocentric")
    learner = lx.loqa(game, against={"always-defect": 1 / 2, "tit-for-tat": 1 / 4})
    state, history = jax.jit(lambda key: lx.train(learner, key, 1000))(jax.random.key(0))
    ```

    **Arguments:**

    - `game`: what is played. For self-play it must look the same from all seats.
    - `weight`: β of what shapes others.
    - `decay`: λ of the opponent's return.
    - `options`: as of [`Options`][lookax.training.policy_gradients.Options].

    **Raises:** `ValueError` for a strategy that the game does not have, for numbers out of range, and, by `init`, for
    all that [`check_game`][lookax.rollouts.check_game.check_game] finds.
    """
    return _learner(game, lambda common: LOQA(**common, weight=weight, decay=decay), True, options)


def advantage_alignment(
    game: Game,
    *,
    weight: ScalarLike = 0.1,
    clip: ScalarLike | None = None,
    epochs: int = 1,
    **options: Unpack[Options],
) -> SelfPlay | Agents:
    """[`AdvantageAlignment`][lookax.learners.policy_gradients.advantage_alignment.AdvantageAlignment], likewise.

    **Arguments:**

    - `game`, `options`: as of [`loqa`][lookax.training.policy_gradients.loqa].
    - `weight`: β of what shapes others.
    - `clip`: ε of PPO's clipped ratios; `None` for none. It matters with several epochs.
    - `epochs`: steps that are taken with the same games.

    **Raises:** as `loqa`.
    """

    def make(common: dict[str, Any]) -> PolicyGradient:
        return AdvantageAlignment(**common, weight=weight, clip=clip, epochs=epochs)

    return _learner(game, make, False, options)


def ppo(game: Game, *, clip: ScalarLike | None = 0.2, epochs: int = 1, **options: Unpack[Options]) -> SelfPlay | Agents:
    """[`PPO`][lookax.learners.policy_gradients.ppo.PPO] of agents who do not shape each other; one epoch is A2C.

    **Arguments:**

    - `game`, `options`: as of [`loqa`][lookax.training.policy_gradients.loqa].
    - `clip`: ε of clipped ratios; `None` for none.
    - `epochs`: steps that are taken with the same games.

    **Raises:** as `loqa`.
    """
    return _learner(game, lambda common: PPO(**common, clip=clip, epochs=epochs), False, options)


def _learner(
    game: Game, make: Callable[[dict[str, Any]], PolicyGradient], action_values: bool, options: Options
) -> SelfPlay | Agents:
    rule = f"left out; options are {', '.join(Options.__annotations__)}"
    for name, value in options.items():
        check(name in Options.__annotations__, name, value, rule)
    if not isinstance(game, Game) or isinstance(game, type):
        raise BadInputError(f"game: {game!r} is not allowed; it must be a game, such as lx.OneCoinGame()")
    check_game(game)
    own_policy, against = options.get("policy"), options.get("against", {})
    self_play, earlier = options.get("self_play", True), options.get("earlier_selves")
    rule = 'parts of the games by strategy, such as {"always-defect": 0.3}'
    check(isinstance(against, Mapping), "against", against, rule)
    rule = "None, or lx.EarlierSelves(size=…)"
    check(earlier is None or isinstance(earlier, EarlierSelves), "earlier_selves", earlier, rule)
    check_at_least("hidden_size", options.get("hidden_size", 32), 1)
    for name in against:
        strategy(name, game, 0)  # Says which there are, if there is none of that name.
    if earlier is not None:
        earlier.check_games(options.get("batch_size", 96), sum(against.values()))
    rate = options.get("learning_rate", 0.01)
    if isinstance(rate, float | int):
        check_positive("learning_rate", rate)
    update = make({
        "play": Play(game=game, horizon=options.get("horizon", 32), batch_size=options.get("batch_size", 96)),
        "optimiser": Optimiser(learning_optimiser, learning_rate=rate, max_norm=10.0, total_steps=None),
        "discount": options.get("discount", 0.96),
        "gae_lambda": options.get("gae_lambda", 0.9),
        "critic_lambda": options.get("critic_lambda", 0.95),
        "entropy_coefficient": options.get("entropy_coefficient", 0.06),
        "value_coefficient": options.get("value_coefficient", 0.02),
        "all_seats": self_play,
        "scripted_opponents": tuple(strategy_maker(name) for name in against),
        "scripted_fractions": tuple(against.values()),
    })  # fmt: skip

    def gru(key: Key[Array, ""], num_inputs: int, num_outputs: int) -> Network:
        return network(key, num_inputs, num_outputs, hidden_size=options.get("hidden_size", 32))

    def agent(key: Key[Array, ""], player: int) -> Agent:
        def critic(key: Key[Array, ""], num_inputs: int, num_outputs: int) -> Any:
            own = gru(key, num_inputs, num_outputs + action_values * game.num_actions[player])
            head = ScaledLayer(own.head, options.get("value_scale", 10.0))
            return head if own_policy is None else Network(own.encoder, own.unit, head)

        return new_agent(key, game, player, own_policy or gru, critic)

    if self_play:
        return SelfPlay(
            initial=lambda key: agent(key, 0),
            update_of_agent=update,
            seats=game.num_players,
            earlier_selves=earlier,
        )

    def each(key: Key[Array, ""]) -> tuple[tuple[Agent, ...], tuple[tuple[()], ...]]:
        keys = jax.random.split(key, game.num_players)
        return tuple(agent(own, player) for player, own in enumerate(keys)), ((),) * game.num_players

    number = game.num_players
    return Agents(initial=each, updates=(update,) * number, earlier_selves=(earlier,) * number)
