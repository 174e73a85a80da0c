"""Whether a policy fits the player that it is for."""

from lookax.errors import BadInputError


def check_outputs(player: int, shape: tuple[int, ...], num_actions: int) -> None:
    """Raises `ValueError` unless a policy's outputs, of this shape for one observation, are one for each action."""
    if shape != (num_actions,):
        raise BadInputError(
            f"policy: that of player {player} gives logits of shape {shape}, and the player has {num_actions} actions; "
            "give it one output for each"
        )
