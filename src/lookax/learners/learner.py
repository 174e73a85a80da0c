"""What every learner is."""

from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Array, Key

Metrics = dict[str, Array]
"""Named quantities of one update."""

State = TypeVar("State")


@runtime_checkable
class Learner(Protocol[State]):
    """A learning algorithm: an Equinox module, whose floats are leaves that can be vmapped.

        jax.vmap(lambda learner: learner.init(key))(learners)

    with `learners` a learner whose leaves all have a leading axis.

    Its state is a pytree of arrays: seeds are learned at once by `jax.vmap` over keys and states.
    """

    def init(self, key: Key[Array, ""]) -> State:
        """The first state, from a random key."""
        ...

    def update(self, key: Key[Array, ""], state: State) -> tuple[State, Metrics]:
        """The state after one update, and metrics of it; returns or scores and norms of gradients among them.

        Returns are those of the policies before the update.
        """
        ...
