"""From settings of algorithms with exact values to learners."""

import dataclasses
from typing import Any

import optax
from jaxtyping import ScalarLike

from lookax.choices import OptimiserName
from lookax.experiments.settings.exact_learners import (
    Algorithm,
    GradientSteps,
    LOLASettings,
    NaiveSettings,
    OpponentModellingSettings,
    POLASettings,
    ProximalPointSettings,
)
from lookax.games.exact_play import ExactPlay
from lookax.imports import import_named
from lookax.learners.lola import LOLA
from lookax.learners.naive import Naive
from lookax.learners.objectives.shaping import Shaping
from lookax.learners.opponents.opponent_model import OpponentModel
from lookax.learners.pola import POLA
from lookax.learners.simultaneous import Initial
from lookax.lookahead import proximal
from lookax.lookahead.adjoint_names import adjoint_by_name
from lookax.lookahead.lookahead import Lookahead
from lookax.lookahead.optimiser import Optimiser, step_size
from lookax.policies.factory import PolicyMaker

OPTIMISERS = {"sgd": optax.sgd, "adam": optax.adam, "rmsprop": optax.rmsprop}


def optimiser_of(name: OptimiserName, learning_rate: ScalarLike, total_steps: int | None = None) -> Optimiser:
    """An optimiser of optax.

    **Arguments:** its `name`; its `learning_rate`; the `total_steps` in which that falls linearly to zero, `None` for
    a constant one.
    """
    if total_steps is None:
        return Optimiser(OPTIMISERS[name], learning_rate=learning_rate)
    return Optimiser(_falling, learning_rate=learning_rate, name=name, total_steps=total_steps)


def _falling(learning_rate: ScalarLike, name: OptimiserName, total_steps: int) -> optax.GradientTransformation:
    return OPTIMISERS[name](step_size(learning_rate, total_steps))


def lookahead_of(settings: GradientSteps | ProximalPointSettings) -> Lookahead | proximal.ProximalPoint:
    """The opponents' learning that settings describe."""
    if isinstance(settings, ProximalPointSettings):
        return proximal.ProximalPoint(settings.inner_tolerance)
    optimiser = optimiser_of(settings.inner_optimiser, settings.inner_learning_rate)
    return Lookahead(optimiser, settings.inner_steps, adjoint_by_name(settings.adjoint))


def learner_of(settings: Algorithm, play: ExactPlay, maker: PolicyMaker, initial: Initial) -> Any:
    """The learner that settings describe.

    Settings of a learner of one's own say by `learner = "package.module:function"` what makes it: a function of these
    four arguments.

    **Arguments:** the game; what makes policies for its players; what makes the first ones, from a key.
    """
    if not isinstance(settings, NaiveSettings | LOLASettings | POLASettings):
        return import_named("algorithm", settings.learner)(settings, play, maker, initial)
    optimiser = optimiser_of(settings.optimiser, settings.learning_rate)
    if isinstance(settings, NaiveSettings):
        return Naive(game=play, initial=initial, optimiser=optimiser)
    lookahead = lookahead_of(settings.lookahead)
    shaping = Shaping(lookahead=lookahead, inner_beta=settings.lookahead.inner_beta)
    model = settings.opponent_modelling and opponent_model_of(settings.opponent_modelling, maker)
    if isinstance(settings, LOLASettings):
        shaping = dataclasses.replace(shaping, taylor=settings.taylor)
        return LOLA(game=play, initial=initial, optimiser=optimiser, shaping=shaping, opponent_model=model)
    return _pola(settings, play, initial, shaping, model)


def opponent_model_of(settings: OpponentModellingSettings, maker: PolicyMaker) -> OpponentModel:
    """The opponent model that settings describe, for the players that `maker` makes policies for."""
    maker = dataclasses.replace(maker, kind=settings.model)
    return OpponentModel(
        initial=maker.initial,
        observations=maker.observations(),
        optimiser=Optimiser(optax.sgd, learning_rate=settings.model_learning_rate),
        tolerance=settings.model_tolerance,
        max_steps=settings.max_model_steps,
    )


def _pola(
    settings: POLASettings, play: ExactPlay, initial: Initial, shaping: Shaping, model: OpponentModel | None
) -> POLA:
    return POLA(
        game=play,
        initial=initial,
        optimiser=optimiser_of(settings.optimiser, settings.learning_rate),
        shaping=shaping,
        outer_beta=settings.outer_beta,
        outer_steps=settings.outer_steps,
        tolerance=settings.tolerance,
        max_outer_steps=settings.max_outer_steps,
        divergence_weights=settings.divergence_weights,
        opponent_model=model,
    )
