import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageSequence

from lookax.games.coin_game import OneCoinGame, OneCoinState, TwoCoinGame, TwoCoinState
from lookax.games.matrix_game import MatrixGame
from lookax.games.payoffs import contribution_payoffs
from lookax.games.rendering import MAX_TILES, as_text, side_by_side, write_gif

ONE_COIN = OneCoinState(jnp.array([[0, 5], [1, 1]]), jnp.array([8, 3]), jnp.array([0, 1]))
TWO_COINS = TwoCoinState(jnp.array([[0, 5], [1, 1]]), jnp.array([[0, 8], [7, 7]]))


def test_coin_games_as_text():
    assert as_text(OneCoinGame(), ONE_COIN) == ["R. .. ..\n.. .. B.\n.. .. .r", ".. X. ..\n.b .. ..\n.. .. .."]
    assert as_text(TwoCoinGame(), TWO_COINS) == ["Rr .. ..\n.. .. B.\n.. .. .b", ".. X. ..\n.. .. ..\n.. .x .."]


def test_matrix_games_as_text():
    game = MatrixGame(contribution_payoffs(1.3), memory_length=2)
    # The start; after DC; after DC and then CC.
    assert as_text(game, jnp.array([20, 17, 7])) == [". .\n. .", ". D\n. C", "D C\nC C"]
    assert as_text(MatrixGame(jnp.zeros((2, 2, 3))), jnp.array([5])) == ["C\n2"]


@pytest.mark.parametrize(("game", "states"), [(OneCoinGame(), ONE_COIN), (TwoCoinGame(), TWO_COINS)])
def test_gifs_of_coin_games(game, states, tmp_path):
    path = tmp_path / "game.gif"
    write_gif(path, game, states, jnp.array([[0, 1]]), jnp.array([[1.0, -2.0]]), seconds_per_step=0.25)
    with Image.open(path) as gif:
        colours = np.asarray(gif.convert("RGB")).astype(int)
        assert (gif.size, gif.info["duration"]) == ((240, 284), 250)
        assert len(list(ImageSequence.Iterator(gif))) == 2
    # Red's disc is in the first cell: x = 12 + 36, y = 56 + 36.
    np.testing.assert_allclose(colours[92, 48], [0xD1, 0x49, 0x5B], atol=8)
    np.testing.assert_allclose(colours[92, 120], [255, 255, 255], atol=8)


def test_a_gif_of_a_long_matrix_game_shows_its_last_steps(tmp_path):
    game = MatrixGame(contribution_payoffs(1.3, 3))
    steps = MAX_TILES + 5
    path = tmp_path / "game.gif"
    write_gif(path, game, jnp.zeros(steps + 1, int), jnp.ones((steps, 3), int), jnp.full((steps, 3), 0.3))
    with Image.open(path) as gif:
        assert (gif.size, len(list(ImageSequence.Iterator(gif)))) == ((772, 164), steps + 1)


def test_a_gif_takes_time(tmp_path):
    with pytest.raises(ValueError, match="seconds_per_step: 0 is not allowed"):
        write_gif(
            tmp_path / "game.gif", OneCoinGame(), ONE_COIN, np.zeros((1, 2), int), np.zeros((1, 2)), seconds_per_step=0
        )


def test_frames_side_by_side():
    assert side_by_side(as_text(TwoCoinGame(), TWO_COINS)).splitlines() == [
        "0          1",
        "Rr .. ..   .. X. ..",
        ".. .. B.   .. .. ..",
        ".. .. .b   .. .x ..",
    ]
    # As many as fit: 7 frames of one letter, three blanks between them.
    assert side_by_side(["C\nD"] * 10, 25).splitlines()[0] == "0   1   2   3   4   5   6"
    assert side_by_side(["CCCC"] * 11, 3) == "0\nCCCC"
