"""What an agent sees and does, in words, for those who have its arrays and not its game."""

from lookax.choices import CoinView
from lookax.games.adapters.gymnax_environment import GymnaxGame
from lookax.games.adapters.jaxmarl_game import JaxMARLGame
from lookax.games.adapters.pettingzoo_game import PettingZooGame
from lookax.games.coin_game import CoinGame, OneCoinGame, TwoCoinGame
from lookax.games.commons import CommonsGame
from lookax.games.game import Game
from lookax.games.matrix_game import MatrixGame

MOVES = ("right", "left", "down", "up", "stay")


def action_names(game: Game, player: int) -> list[str]:
    """A name for each of a player's actions, in the order of its logits."""
    number = game.num_actions[player]
    if isinstance(game, CoinGame):
        return list(MOVES[:number])
    if isinstance(game, MatrixGame) and number == 2:
        return ["defect", "cooperate"]
    if isinstance(game, CommonsGame):
        return ["take much", "take little"]
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
        n, number = game.grid_size, game.num_players
        return f"{2 * number} planes of {n} × {n} cells, row by row, one after the other: {_planes(game.view, number)}"
    if isinstance(game, TwoCoinGame):
        n = game.grid_size
        return f"for each of {n} × {n} cells, row by row, 4 numbers: {_planes(_view(game), game.num_players)}"
    if isinstance(game, CommonsGame):
        return (
            "the stock, as a share of what the place can carry; 1 for each player who took much at the last step, else "
            "0, the player itself first and then those after it; likewise for each who took little"
        )
    what = f"what a {type(game).__name__} shows to player {player}"
    if isinstance(game, JaxMARLGame | PettingZooGame | GymnaxGame):
        return f"{what}: the environment's own observation, flattened; what its numbers are is for that to say"
    return what


def _view(game: TwoCoinGame) -> CoinView:
    return "egocentric" if game.egocentric else "own"


def _planes(view: CoinView, num_players: int) -> str:
    """What there is a plane for, in their order."""
    if view == "board":
        if num_players == 2:
            return "the red player, the blue player, a red coin, a blue coin"
        last = num_players - 1
        return f"player 0 to player {last}, a coin of player 0's colour to one of player {last}'s"
    others = (
        "the other player, a coin of its own colour, one of the other's"
        if num_players == 2
        else f"the {num_players - 1} players after it, a coin of its own colour, one of each of theirs"
    )
    middle = "; the torus is shifted so that the player stands in the middle" if view == "egocentric" else ""
    return f"the player itself, {others}{middle}"
