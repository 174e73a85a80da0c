"""Agents that shape each other by policy gradients alone: LOQA, Advantage Alignment, and PPO, which does not."""

import dataclasses
from typing import Any

import jax
from jaxtyping import Array, Key

from lookax.errors import check
from lookax.experiments.settings.first_order_shaping import FirstOrderShaping
from lookax.experiments.studies.played_game import PlayedGameStudy
from lookax.learners.agents import Agents, AgentsState
from lookax.learners.learner import Metrics
from lookax.learners.objectives.actor_critic import learning_optimiser
from lookax.learners.objectives.sampled_objectives import Agent
from lookax.learners.opponents.earlier_selves import EarlierSelves
from lookax.learners.opponents.self_play import SelfPlay, SelfPlayState
from lookax.learners.policy_gradients.advantage_alignment import AdvantageAlignment
from lookax.learners.policy_gradients.loqa import LOQA
from lookax.learners.policy_gradients.policy_gradient import PolicyGradient
from lookax.learners.policy_gradients.ppo import PPO
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.mlp import ScaledLayer
from lookax.policies.network import Network
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy_maker, strategy_names


@dataclasses.dataclass(frozen=True)
class FirstOrderShapingStudy(PlayedGameStudy):
    """Agents that learn by policy gradients from games with each other."""

    settings: FirstOrderShaping

    def validate(self) -> None:
        """Raises `ValueError` for a game that cannot be played, and one without a defector that should have one."""
        super().validate()
        for name, fraction in self._scripted():
            there = name in strategy_names(self.game())
            check(there, f"{name}, a fraction of games", fraction, "None in a game that has no such strategy")
        self.learner()
        jax.eval_shape(lambda key: self.first_agent(key, 0), jax.random.key(0))
        if (earlier := self.earlier_selves()) is not None:
            at_once = self.play().batch_size // self.play().num_microbatches
            earlier.check_games(at_once, sum(fraction for _, fraction in self._scripted()))

    @property
    def environment_steps(self) -> int:
        """Steps of games that an update plays to learn from, those of all agents."""
        settings = self.settings
        learners = 1 if settings.self_play else self.game().num_players
        return learners * settings.steps * settings.batch_size * settings.horizon

    def learner(self) -> SelfPlay | Agents:
        """The agents, as one for all seats or one for each."""
        settings, update = self.settings, self.update_of_agent()
        earlier = self.earlier_selves()
        if settings.self_play:
            return SelfPlay(
                initial=lambda key: self.first_agent(key, 0),
                update_of_agent=update,
                seats=self.game().num_players,
                earlier_selves=earlier,
            )
        number = self.game().num_players
        return Agents(initial=self._initial, updates=(update,) * number, earlier_selves=(earlier,) * number)

    def earlier_selves(self) -> EarlierSelves | None:
        """How opponents are drawn from earlier policies, if they are."""
        settings = self.settings
        if not settings.earlier_selves:
            return None
        return EarlierSelves(
            size=settings.earlier_selves,
            every=settings.earlier_every,
            number=settings.earlier_number,
            fraction=settings.earlier_fraction,
        )

    def update_of_agent(self) -> PolicyGradient:
        """How an agent learns."""
        settings = self.settings
        all_steps = settings.total_updates * settings.steps * settings.epochs
        common: dict[str, Any] = {
            "play": self.play(),
            "optimiser": Optimiser(
                learning_optimiser,
                learning_rate=settings.learning_rate,
                max_norm=settings.max_gradient_norm,
                total_steps=all_steps if settings.linear_decay else None,
            ),
            "discount": settings.discount,
            "gae_lambda": settings.gae_lambda,
            "critic_lambda": settings.critic_lambda,
            "entropy_coefficient": settings.entropy_coefficient,
            "value_coefficient": settings.value_coefficient,
            "epochs": settings.epochs,
            "all_seats": settings.self_play,
            "scripted_opponents": tuple(strategy_maker(name) for name, _ in self._scripted()),
            "scripted_fractions": tuple(fraction for _, fraction in self._scripted()),
        }
        if settings.learner == "loqa":
            return LOQA(
                **common,
                weight=settings.weight,
                decay=settings.decay,
                temperature=settings.temperature,
                stop_normaliser=settings.stop_normaliser,
                present_reward=settings.present_reward,
            )
        if settings.learner == "advantage-alignment":
            return AdvantageAlignment(
                **common, weight=settings.weight, clip=settings.clip, normalised=settings.normalised
            )
        return PPO(**common, clip=settings.clip, normalised=settings.normalised)

    def init(self, key: Key[Array, ""]) -> SelfPlayState | AgentsState:
        """First agents."""
        return self.learner().init(key)

    def update(self, key: Key[Array, ""], state: Any) -> tuple[Any, Metrics]:
        """As many gradient steps as the settings say; metrics are their means."""
        learner: Any = self.learner()
        keys = jax.random.split(key, self.settings.steps)
        state, metrics = jax.lax.scan(lambda state, key: learner.update(key, state), state, keys)
        return state, jax.tree.map(lambda leaf: leaf.mean(axis=0), metrics)

    def first_agent(self, key: Key[Array, ""], player: int) -> Agent:
        """A fresh agent for a seat."""
        settings, game = self.settings, self.game()
        keys = jax.random.split(key)

        def fresh(key: Key[Array, ""], outputs: int) -> Network:
            observation = jax.eval_shape(lambda key: game.observe(game.reset(key), player), key)
            return network(
                key,
                observation.shape[0],
                outputs,
                hidden_size=settings.hidden_size,
                num_layers=settings.num_layers,
                recurrent_unit=settings.recurrent_unit,
                initialiser=settings.initialiser,
            )

        num_actions = game.num_actions[player]
        critic = fresh(keys[1], 1 + num_actions if settings.learner == "loqa" else 1)
        head = ScaledLayer(critic.head, settings.value_scale)
        policy = fresh(keys[0], num_actions)
        return Agent(policy, head if settings.shared_encoder else Network(critic.encoder, critic.unit, head))

    def _scripted(self) -> list[tuple[str, float]]:
        """Strategies that a part of the games is against, and those parts."""
        parts = {"always-defect": self.settings.defector_fraction, "tit-for-tat": self.settings.tit_for_tat_fraction}
        return [(name, fraction) for name, fraction in parts.items() if fraction is not None]

    def _initial(self, key: Key[Array, ""]) -> tuple[tuple[Agent, ...], tuple[tuple[()], ...]]:
        keys = jax.random.split(key, self.game().num_players)
        return tuple(self.first_agent(own, player) for player, own in enumerate(keys)), ((),) * len(keys)
