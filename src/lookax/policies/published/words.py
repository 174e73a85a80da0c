"""What an agent sees and does, in words, for those who have its arrays and not its game."""

from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame

MOVES = ("right", "left", "down", "up", "stay")

PLANES = {
    "board": "the red player, the blue player, a red coin, a blue coin",
    "own": "the player itself, the other player, a coin of its own colour, one of the other's",
}
PLANES["egocentric"] = f"{PLANES['own']}; the torus is shifted so that the player stands in the middle"


def action_names(game: Game, player: int) -> list[str]:
    """A name for each of a player's actions, in the order of its logits."""
    number = game.num_actions[player]
    if isinstance(game, CoinGame):
        return list(MOVES[:number])
    if isinstance(game, MatrixGame) and number == 2:
        return ["defect", "cooperate"]
    return [f"action {action}" for action in range(number)]


def observation_layout(game: Game, player: int, *, table: bool = False) -> str:
    """What the numbers of an observation are.

    **Arguments:** the `game`; the `player` who observes; whether it has a `table` over a matrix game's states.
    """
    if isinstance(game, MatrixGame):
        if table:
            return f"a one-hot of the state, the player's own actions first: {', '.join(game.state_names)}"
        order = "the player's own action first" if game.own_view else "the first player's action first, whoever looks"
        return (
            f"for each of the last {game.memory_length} steps, the oldest first, a one-hot of every player's action, "
            f"{order}: action 0, action 1 and so on, then nothing yet"
        )
    if isinstance(game, OneCoinGame):
        n = game.grid_size
        return f"four planes of {n} × {n} cells, row by row, one after the other: {PLANES[game.view]}"
    if isinstance(game, TwoCoinGame):
        n = game.grid_size
        view = PLANES["egocentric" if game.egocentric else "own"]
        return f"for each of {n} × {n} cells, row by row, four numbers: {view}"
    return f"what a {type(game).__name__} shows to player {player}"
