"""Recurrent agents that shape each other: POLA-DiCE, LOLA-DiCE and naive learners in games that go on."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Key, ScalarLike

from lookax.errors import BadInputError, check, check_at_least
from lookax.evaluation.against import check_seat
from lookax.experiments.settings.recurrent_shaping import ITSELF, SIMPLER, RecurrentShaping
from lookax.experiments.studies.exact_learners import optimiser_of
from lookax.experiments.studies.played_game import PlayedGameStudy
from lookax.games.game import Policies
from lookax.games.rotated_seats import in_seats, seats_after
from lookax.imports import import_named
from lookax.learners.agents import Agents, AgentsState
from lookax.learners.learner import Metrics
from lookax.learners.objectives.sampled_objectives import Agent, SampledObjectives
from lookax.learners.opponents.imitation import Imitation
from lookax.learners.pola_dice import POLADiCEUpdate
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser
from lookax.policies.actor import ends_of_parts
from lookax.policies.network import Network
from lookax.policies.published.agent_files import is_agent_file, read_agent
from lookax.policies.published.serialisation import deserialise
from lookax.policies.recurrent import network
from lookax.policies.strategies import strategy, strategy_maker, strategy_names
from lookax.training.constructors import PolicyFactory, new_agent


@dataclasses.dataclass(frozen=True)
class RecurrentShapingStudy(PlayedGameStudy):
    """Recurrent agents that learn from games with each other."""

    settings: RecurrentShaping

    def validate(self) -> None:
        """Raises `ValueError` for a game that cannot be played, policies that cannot be made, and missing opponents."""
        super().validate()
        settings, names = self.settings, strategy_names(self.game())
        if settings.defector_fraction is not None:
            rule = "None in a game without a defector"
            check("always-defect" in names, "defector_fraction", settings.defector_fraction, rule)
            at_once = settings.batch_size // self.play().num_microbatches
            rule = f"between 1/{at_once} and {at_once - 1}/{at_once}, as {at_once} games are played at once"
            possible = 1 <= settings.defector_fraction * at_once <= at_once - 1
            check(possible, "defector_fraction", settings.defector_fraction, rule)
        if settings.baseline in ("mean", "linear"):
            at_once = settings.batch_size // self.play().num_microbatches
            rule = f"at least 2 a microbatch with baseline {settings.baseline!r}, which is that of other games"
            check(at_once >= 2, "batch_size", settings.batch_size, rule)
            if settings.defector_fraction is not None:
                fractions = 1 - settings.defector_fraction, settings.defector_fraction
                number = at_once - ends_of_parts(fractions, at_once)[1]
                rule = f"at least 2/{at_once} with baseline {settings.baseline!r}, which is that of other games"
                check(number >= 2, "defector_fraction", settings.defector_fraction, rule)
        self.learner()
        jax.eval_shape(lambda key: self.first_agent(key, 0), jax.random.key(0))
        if (fixed := self._fixed_opponent()) is not None:
            self._check_fits(fixed)
        elif settings.opponent not in (ITSELF, *SIMPLER):
            rule = (
                f"one of {', '.join((ITSELF, *SIMPLER, *names))} in this game, or an agent's FILE.json or FILE.npz:NAME"
            )
            check(settings.opponent in names, "opponent", settings.opponent, rule)

    @property
    def environment_steps(self) -> int:
        """Steps of games that an update plays to learn from: those of all agents, without those of models."""
        settings = self.settings
        learners = self.game().num_players if settings.opponent in (ITSELF, *SIMPLER) else 1
        steps = settings.outer_steps * (settings.inner_steps + 1)
        return learners * steps * settings.batch_size * settings.horizon

    def objectives(self) -> SampledObjectives:
        """What is maximised."""
        return SampledObjectives(
            discount=self.settings.discount,
            gae_lambda=self.settings.gae_lambda,
            dice_decay=self.settings.dice_decay,
            baseline=self.settings.baseline,
            reversed_divergence=self.settings.reversed_divergence,
        )

    def learner(self) -> POLADiCEUpdate:
        """How the first player learns."""
        return POLADiCEUpdate(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=self._optimiser(self.settings.learning_rate, self.settings.outer_steps),
            critic_optimiser=self._optimiser(self.settings.critic_learning_rate, self.settings.outer_steps),
            lookahead=Lookahead(
                Optimiser(optax.sgd, learning_rate=self.settings.inner_learning_rate),
                self.settings.inner_steps,
                adjoint_by_name(self.settings.adjoint),
            ),
            inner_critic_optimiser=Optimiser(optax.sgd, learning_rate=self.settings.inner_critic_learning_rate),
            outer_steps=self.settings.outer_steps,
            inner_beta=self.settings.inner_beta,
            outer_beta=self.settings.outer_beta,
            keep_optimisers=self.settings.keep_optimisers,
            critic_after_loop=self.settings.critic_after_loop,
            tremble_probability=self.settings.tremble_probability,
            scripted_opponent=None if self.settings.defector_fraction is None else strategy_maker("always-defect"),
            scripted_fraction=self.settings.defector_fraction or 0.0,
        )

    def agents(self) -> Agents:
        """All learners."""
        learner, imitation = self.learner(), self._imitation() if self.settings.opponent_model else None
        others = self.game().num_players - 1
        if self.settings.opponent == ITSELF:
            every = 1 + others
            return Agents(initial=self._initial, updates=(learner,) * every, imitations=(imitation,) * every)
        other = None
        if self.settings.opponent in SIMPLER:
            lookahead = dataclasses.replace(
                learner.lookahead, steps=0 if self.settings.opponent == "naive" else self.settings.inner_steps
            )
            other = dataclasses.replace(
                learner,
                optimiser=self._optimiser(self.settings.learning_rate, 1),
                critic_optimiser=self._optimiser(self.settings.critic_learning_rate, 1),
                lookahead=lookahead,
                outer_steps=1,
                inner_beta=None,
                outer_beta=None,
            )
        updates, imitations = (learner, *(other,) * others), (imitation, *(None,) * others)
        return Agents(initial=self._initial, updates=updates, imitations=imitations)

    def init(self, key: Key[Array, ""]) -> AgentsState:
        """First agents."""
        return self.agents().init(key)

    def update(self, key: Key[Array, ""], state: AgentsState) -> tuple[AgentsState, Metrics]:
        """One update of all; with models, `model_cross_entropy` `[N]` of them."""
        return self.agents().update(key, state)

    def opponents_ahead(self, key: Key[Array, ""], state: AgentsState, player: int) -> tuple[Policies, Policies]:
        """As [`LookingAheadStudy`][lookax.experiments.studies.study.LookingAheadStudy] says.

        **Arguments:** the `key` of whatever is sampled; the learner's `state`; the `player`, from 0.
        """
        update, others = self.agents().updates[player], state.models[player]
        if not isinstance(update, POLADiCEUpdate):
            raise BadInputError(f"player {player} does not learn in this run")
        check_at_least("inner_steps", update.lookahead.steps, 1)
        if others is None:
            others = tuple(state.agents[seat] for seat in seats_after(player, len(state.agents)))
        if not any(map(eqx.is_inexact_array, jax.tree.leaves([other.policy for other in others]))):
            raise BadInputError("the opponent that it learned with is a fixed strategy, which does not learn")
        mine = state.agents[player].policy
        after = update.look_ahead(key, player, mine, others)
        return in_seats(player, mine, [other.policy for other in others]), in_seats(player, mine, after)

    def first_agent(self, key: Key[Array, ""], player: int) -> Agent:
        """A fresh agent for a seat."""
        settings = self.settings

        def fresh(key: Key[Array, ""], inputs: int, outputs: int) -> Network:
            return network(
                key,
                inputs,
                outputs,
                hidden_size=settings.hidden_size,
                num_layers=settings.num_layers,
                recurrent_unit=settings.recurrent_unit,
                initialiser=settings.initialiser,
            )

        def head(key: Key[Array, ""], inputs: int, outputs: int) -> Any:
            return fresh(key, inputs, outputs).head

        make: PolicyFactory = fresh if settings.policy is None else import_named("policy", settings.policy)
        critic = (head if settings.shared_encoder else fresh) if settings.baseline == "critic" else None
        return new_agent(key, self.game(), player, make, critic)

    def _initial(self, key: Key[Array, ""]) -> tuple[tuple[Agent, ...], tuple[tuple[Agent, ...], ...]]:
        game = self.game()
        seats = range(game.num_players)
        keys = iter(jax.random.split(key, len(seats) ** 2))
        agents = [self.first_agent(next(keys), seat) for seat in seats]
        models = tuple(
            tuple(self.first_agent(next(keys), other) for other in seats_after(seat, len(seats))) for seat in seats
        )
        fixed = self._fixed_opponent()
        for seat in seats[1:]:
            if fixed is not None:
                agents[seat] = fixed
            elif self.settings.opponent not in (ITSELF, *SIMPLER):
                agents[seat] = Agent(strategy(self.settings.opponent, game, seat), None)
        return tuple(agents), models

    def _optimiser(self, learning_rate: ScalarLike, outer_steps: int) -> Optimiser:
        total_steps = self.settings.total_updates * outer_steps
        return optimiser_of(self.settings.optimiser, learning_rate, total_steps if self.settings.linear_decay else None)

    def _imitation(self) -> Imitation:
        return Imitation(
            play=self.play(),
            objectives=self.objectives(),
            optimiser=optimiser_of(self.settings.optimiser, self.settings.model_learning_rate),
            critic_optimiser=optimiser_of(self.settings.optimiser, self.settings.model_critic_learning_rate),
            batches=self.settings.model_batches,
            steps=self.settings.model_steps,
        )

    def _fixed_opponent(self) -> Agent | None:
        """The agent of a file in the other seats, if there is to be one."""
        named = self.settings.opponent
        if is_agent_file(named):
            try:
                return Agent(read_agent(named), None)
            except BadInputError as reason:
                raise BadInputError(f"opponent: {reason}") from None
        return self._written_opponent(Path(named)) if named.endswith(".json") else None

    def _check_fits(self, fixed: Agent) -> None:
        """Raises `ValueError` for an agent that cannot sit in the other seats."""
        for seat in range(1, self.game().num_players):
            check_seat(f"opponent: {self.settings.opponent!r}", self.game(), fixed.policy, seat)
        settings = self.settings
        if fixed.critic is None and settings.baseline == "critic" and not settings.opponent_model:
            rule = "0 with an opponent that has no critic, unless it is modelled or the baseline is another one"
            check(settings.inner_steps == 0, "inner_steps", settings.inner_steps, rule)

    def _written_opponent(self, path: Path) -> Agent:
        try:
            serialised = json.loads(path.read_text())["player2"]
            like = jax.eval_shape(lambda key: self.first_agent(key, 1), jax.random.key(0))
            critic = None if like.critic is None else deserialise(serialised["critic"], like.critic)
            return Agent(deserialise(serialised["policy"], like.policy), critic)
        except BadInputError as reason:
            raise BadInputError(f"opponent: {str(path)!r}: {reason}") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
            raise BadInputError(f"opponent: {str(path)!r} cannot be read as a run's seed-….json ({reason})") from None
