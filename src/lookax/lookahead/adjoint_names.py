"""Adjoints by the names that settings give them."""

from lookax.choices import AdjointName
from lookax.errors import check
from lookax.lookahead.adjoints import (
    Adjoint,
    CheckpointAdjoint,
    FirstOrderAdjoint,
    ForwardAdjoint,
    ForwardOverReverseAdjoint,
    ReverseAdjoint,
)

ADJOINTS: dict[str, Adjoint] = {
    "reverse": ReverseAdjoint(),
    "checkpointed": CheckpointAdjoint(),
    "forward-over-reverse": ForwardOverReverseAdjoint(),
    "forward": ForwardAdjoint(),
    "none": FirstOrderAdjoint(),
}


def adjoint_by_name(name: AdjointName) -> Adjoint:
    """The adjoint of a name in settings.

    **Raises:** `ValueError` for an unknown one.
    """
    check(name in ADJOINTS, "adjoint", name, f"one of {', '.join(ADJOINTS)}")
    return ADJOINTS[name]
