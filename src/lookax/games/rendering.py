"""One game to look at: as text, or as an animation in a GIF."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import matplotlib
import numpy as np
from jaxtyping import Float, Int
from PIL import Image, ImageDraw, ImageFont

from lookax.errors import check_positive
from lookax.games.coin_game import CoinGame, OneCoinGame
from lookax.games.histories import NOTHING_YET
from lookax.games.matrix_game import MatrixGame

ArrayLike = np.ndarray | jax.Array
Number = float | int | np.integer

CELL = 72
"""Width of a cell of the grid, in pixels."""

HEADER = 56
"""Height of what stands above the grid."""

TILE = 24
"""Width of one step of a matrix game."""

LABEL, TOTAL = 84, 64
"""Widths of a player's name, and of what it has been paid."""

MAX_TILES = 25
"""How many of the last steps of a matrix game are shown."""

FRAME_SIDE = 240
"""About how many pixels high an environment's frame is drawn."""

MARGIN = 12
"""Around everything."""

SUPERSAMPLING = 3
"""Frames are drawn this much larger and then shrunk: Pillow draws jagged edges."""

BACKGROUND, INK, LINES = "#ffffff", "#333333", "#d9d9d9"
PLAYERS = ("#d1495b", "#2e6fbb", "#4c9f70", "#c9a227", "#7b5ea7", "#d97b29", "#2a9d8f", "#8c564b")
NAMES = "RBGYVOTN"
DEFECTS, COOPERATES, OTHER_ACTION = "#e07a5f", "#5fa777", "#8d99ae"


def as_text(game: CoinGame | MatrixGame, states: Any) -> list[str]:
    """One frame of text per state of a game, `states` holding them along the first axis.

    Coin games: a line per row and two letters per cell, the player R, B (further ones G, Y, V, O, T, N) or X (several)
    and then the coin r, b, … or x; dots where there is none. Matrix games: a line per player with its remembered
    actions, oldest first: D and C where there are two, otherwise numbers, and a dot where there has been none.
    """
    if isinstance(game, CoinGame):
        return [_grid_text(game, players, coins) for players, coins in zip(*cells_of(game, states), strict=True)]
    remembered = game.histories.actions[np.asarray(states)]
    return [
        "\n".join(" ".join(_letter(game, i, a) for a in history[:, i]) for i in range(game.num_players))
        for history in remembered
    ]


def side_by_side(frames: Sequence[str], width: int = 76) -> str:
    """As many of the first frames as a line of that width holds, one at least, under the numbers of their steps.

    Lines of a frame are of one length, as `as_text` makes them.
    """
    size = max(len(frames[0].partition("\n")[0]), len(str(len(frames) - 1)))
    columns = []
    for number, frame in enumerate(frames[: max(1, (width + 3) // (size + 3))]):
        columns.append([line.ljust(size) for line in (str(number), *frame.split("\n"))])
    return "\n".join("   ".join(lines).rstrip() for lines in zip(*columns, strict=True))


def write_gif(
    path: str | Path,
    game: CoinGame | MatrixGame,
    states: Any,
    actions: Int[ArrayLike, "T N"],
    rewards: Float[ArrayLike, "T N"],
    *,
    seconds_per_step: float | int = 0.4,
) -> None:
    """Writes an animation of one game of T steps, T + 1 frames, with the rewards added up so far.

    Coin games: players are discs, coins are rings. Matrix games: a row of actions per player, that grows.

    **Arguments:**

    - `states`: s₀ … s_T, `[T+1]` and the axes of a state.
    - `seconds_per_step`: how long a frame is shown; GIFs know hundredths.

    **Raises:** `ValueError` if that is not positive.
    """
    check_positive("seconds_per_step", seconds_per_step)
    rewards = np.asarray(rewards)
    totals = np.cumsum(np.concatenate([np.zeros((1, rewards.shape[1])), rewards]), axis=0)
    if isinstance(game, CoinGame):
        frames = [
            _grid_frame(game, t, players, coins, totals[t])
            for t, (players, coins) in enumerate(zip(*cells_of(game, states), strict=True))
        ]
    else:
        frames = [_matrix_frame(game, np.asarray(actions), t, total) for t, total in enumerate(totals)]
    first, *rest = frames
    first.save(path, save_all=True, append_images=rest, duration=round(1000 * seconds_per_step), loop=0)


def write_frames(path: str | Path, frames: Sequence[np.ndarray], *, seconds_per_step: float = 0.06) -> None:
    """Writes an animation of what was seen of an environment, `[height, width, channels]` a frame.

    Of shades of grey the latest is shown; of things on a grid each channel has a shade of its own.

    **Arguments:** `seconds_per_step`: how long a frame is shown; four frames of an Atari console are 1/15 s.
    """
    scale = max(1, FRAME_SIDE // frames[0].shape[0])
    first, *rest = (Image.fromarray(np.kron(_shades(frame), np.ones((scale, scale), np.uint8))) for frame in frames)
    first.save(path, save_all=True, append_images=rest, duration=round(1000 * seconds_per_step), loop=0)


def _shades(frame: np.ndarray) -> np.ndarray:
    if frame.dtype == np.uint8:
        return frame[..., -1]
    return (frame.astype(float) * np.linspace(90, 255, frame.shape[-1])).max(axis=-1).astype(np.uint8)


def cells_of(game: CoinGame, states: Any) -> tuple[np.ndarray, np.ndarray]:
    """Cells of the players and of coins of their colours, `[T, N]` each, −1 for a coin that is not there."""
    players = np.asarray(states.players)
    if not isinstance(game, OneCoinGame):
        return players, np.asarray(states.coins)
    coin, colour = np.asarray(states.coin)[:, None], np.asarray(states.colour)[:, None]
    return players, np.where(colour == np.arange(game.num_players), coin, -1)


def _grid_text(game: CoinGame, players: np.ndarray, coins: np.ndarray) -> str:
    def letter(cells: np.ndarray, cell: int, letters: str) -> str:
        here = np.flatnonzero(cells == cell)
        return "." if not len(here) else letters[-1] if len(here) > 1 else letters[here[0]]

    names = f"{NAMES}X"
    cells = [letter(players, c, names) + letter(coins, c, names.lower()) for c in range(game.num_cells)]
    n = game.grid_size
    return "\n".join(" ".join(cells[row * n : row * n + n]) for row in range(n))


def _letter(game: MatrixGame, player: int, action: int | np.integer) -> str:
    if action == NOTHING_YET:
        return "."
    return "DC"[action] if game.num_actions[player] == 2 else str(action)


class _Canvas:
    """A white picture to draw on, in pixels of the finished frame."""

    def __init__(self, width: int, height: int):
        self.size = (width, height)
        self.image = Image.new("RGB", (width * SUPERSAMPLING, height * SUPERSAMPLING), BACKGROUND)
        self.pen = ImageDraw.Draw(self.image)

    def text(self, at: tuple[Number, Number], text: str, size: int, colour: str = INK, anchor: str = "mm") -> None:
        x, y = _scaled(at)
        self.pen.text((x, y), text, colour, _font(size), anchor)

    def box(self, corners: Sequence[Number], **how: Any) -> None:
        self.pen.rounded_rectangle(_scaled(corners), radius=3 * SUPERSAMPLING, **how)

    def grid(self, top: int, n: int) -> None:
        for i in range(n + 1):
            at, end = i * CELL, n * CELL
            self.pen.line(_scaled((MARGIN + at, top, MARGIN + at, top + end)), LINES, SUPERSAMPLING)
            self.pen.line(_scaled((MARGIN, top + at, MARGIN + end, top + at)), LINES, SUPERSAMPLING)

    def disc(self, centre: tuple[Number, Number], radius: Number, colour: str) -> None:
        self.pen.circle(_scaled(centre), radius * SUPERSAMPLING, fill=colour)

    def ring(self, centre: tuple[Number, Number], radius: Number, colour: str) -> None:
        self.pen.circle(_scaled(centre), radius * SUPERSAMPLING, outline=colour, width=5 * SUPERSAMPLING)

    def finished(self) -> Image.Image:
        return self.image.resize(self.size, Image.Resampling.LANCZOS)


def _scaled(numbers: Sequence[Number]) -> list[int]:
    return [round(x * SUPERSAMPLING) for x in numbers]


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font of matplotlib's figures, which comes with it."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size * SUPERSAMPLING)


def _number(total: Number) -> str:
    """With a minus as wide as a plus; hundredths if there are any."""
    return f"{total:+.{0 if total == round(total) else 2}f}".replace("-", "−") if total else "0"


def _grid_frame(game: CoinGame, t: int, players: np.ndarray, coins: np.ndarray, totals: np.ndarray) -> Image.Image:
    n = game.grid_size
    number = len(players)
    canvas = _Canvas(max(n * CELL, 62 * (number + 1)) + 2 * MARGIN, HEADER + n * CELL + MARGIN)
    canvas.text((MARGIN, HEADER / 2), f"step {t}", 15, anchor="lm")
    for i, total in enumerate(totals):
        x = canvas.size[0] - MARGIN - 62 * (number - 1 - i)
        canvas.text((x, HEADER / 2), _number(total), 15, PLAYERS[i], "rm")
    canvas.grid(HEADER, n)

    def centre(cell: Number) -> tuple[Number, Number]:
        return MARGIN + (cell % n + 0.5) * CELL, HEADER + (cell // n + 0.5) * CELL

    # Where several share a cell they move apart, so that none hides another.
    for i, cell in enumerate(players):
        x, y = centre(cell)
        here = np.flatnonzero(players == cell)
        apart = 2 * np.count_nonzero(here < i) - (len(here) - 1)
        canvas.disc((x + 34 / len(here) * apart, y), 17 if len(here) < 3 else 12, PLAYERS[i])
    for i, cell in enumerate(coins):
        if cell >= 0:
            canvas.ring(centre(cell), 29 if i == 0 or coins[0] != coins[1] else 23, PLAYERS[i])
    return canvas.finished()


def _matrix_frame(game: MatrixGame, actions: np.ndarray, t: int, totals: np.ndarray) -> Image.Image:
    width = min(len(actions), MAX_TILES) * TILE
    canvas = _Canvas(MARGIN + LABEL + width + TOTAL + MARGIN, HEADER + game.num_players * (TILE + 8) + MARGIN)
    canvas.text((MARGIN, HEADER / 2), f"step {t}", 15, anchor="lm")
    for i, total in enumerate(totals):
        y = HEADER + i * (TILE + 8) + TILE / 2
        canvas.text((MARGIN, y), f"player {i + 1}", 14, anchor="lm")
        canvas.text((canvas.size[0] - MARGIN, y), _number(total), 14, anchor="rm")
        for column, action in enumerate(actions[max(0, t - MAX_TILES) : t, i]):
            x = MARGIN + LABEL + column * TILE
            two = game.num_actions[i] == 2
            colour = (DEFECTS, COOPERATES)[action] if two else OTHER_ACTION
            canvas.box((x + 1, y - TILE / 2 + 1, x + TILE - 2, y + TILE / 2 - 2), fill=colour)
            canvas.text((x + TILE / 2 - 0.5, y - 0.5), _letter(game, i, action), 13, BACKGROUND)
    return canvas.finished()
