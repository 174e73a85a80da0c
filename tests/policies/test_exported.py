"""Exported agents play the same without lookax, and folders that are none are refused in one line."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lookax as lx
from lookax.choices import CoinView
from lookax.policies.published import npz
from lookax.policies.published.exported import load_agent, write_exported
from lookax.policies.published.seats import PolicyWithView
from lookax.policies.published.words import action_names, observation_layout
from lookax.policies.tabular import PreconditionedTabularPolicy, TabularPolicy
from tests.networks import drawn_network

SCRIPT = Path(__file__).parents[2] / "examples" / "load_agent.py"
ABOUT = {"name": "mine/0", "observation": "in words", "actions": list("abcd"), "game": {}, "provenance": {}}

AGENTS = {
    "gru": PolicyWithView(drawn_network(0, 36, 4, num_layers=2), "own"),
    "gru alone": PolicyWithView(drawn_network(0, 36, 4, num_layers=0), "egocentric"),
    "no memory": PolicyWithView(drawn_network(0, 36, 4, recurrent_unit="none")),
    "table": PolicyWithView(TabularPolicy(jnp.asarray(np.random.default_rng(0).normal(size=(5, 3))))),
}


def written(folder, agent=AGENTS["gru"], **about):
    folder.mkdir(exist_ok=True)
    write_exported(folder, agent, ABOUT | about)
    return folder


@pytest.fixture(scope="module")
def whole_game():
    """What the first player sees in a game of 20 steps, `[T, D]`."""
    game = lx.OneCoinGame()
    games = lx.match(game, ["random", "random"], jax.random.key(0), horizon=20, batch_size=1)
    states = jax.tree.map(lambda leaf: leaf[..., 0], games.states)
    return np.asarray(jax.vmap(lambda state: game.observe(state, 0))(states))


def test_the_example_is_short_and_imports_jax_alone():
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 30
    assert "lookax" not in text.replace("`lookax export`", "")


@pytest.mark.parametrize("kind", AGENTS)
def test_agents_play_a_whole_game_without_lookax_as_with_it(kind, whole_game, tmp_path):
    agent = AGENTS[kind]
    seen = np.eye(5)[np.arange(21) % 5] if kind == "table" else whole_game
    loaded = load_agent(written(tmp_path / "agent", agent))
    memory, expected = loaded.initial_memory(), []
    for observation in seen:
        logits, memory = loaded(jnp.asarray(observation, float), memory)
        expected.append(logits)

    # A `lookax` that cannot be imported stands before any other.
    (tmp_path / "lookax.py").write_text("raise ImportError('this example needs no lookax')")
    lines = "".join(json.dumps(observation.tolist()) + "\n" for observation in seen)
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[:] = ['x', {str(tmp_path / 'agent')!r}]"
    )
    program += f"; runpy.run_path({str(SCRIPT)!r}); assert 'lookax' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], input=lines, capture_output=True, text=True, check=True)
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(replies) == len(seen) == 21
    np.testing.assert_allclose([reply["logits"] for reply in replies], np.array(expected), rtol=1e-6, atol=1e-6)
    assert [reply["action"] for reply in replies] == ["abcd"[int(logits.argmax())] for logits in expected]
    assert np.ptp(np.array(expected), axis=0)[1:].min() > 0.1


@pytest.mark.parametrize("kind", ["gru", "no memory"])
def test_loaded_agents_sit_in_games_as_what_was_exported(kind, tmp_path):
    def outputs(policy):
        return lx.match(lx.OneCoinGame(), [policy, policy], jax.random.key(0), horizon=5, batch_size=2).outputs

    with jax.enable_x64(False):
        loaded = load_agent(written(tmp_path, AGENTS[kind]))
        jax.tree.map(np.testing.assert_array_equal, outputs(loaded), outputs(AGENTS[kind]))


def test_tables_keep_their_states(tmp_path):
    parameters = jnp.asarray(np.random.default_rng(0).normal(size=(5, 1)))
    for table in (TabularPolicy(parameters), PreconditionedTabularPolicy(parameters)):
        loaded = load_agent(written(tmp_path, PolicyWithView(table), actions=["defect", "cooperate"]))
        for state in jnp.eye(5):
            np.testing.assert_allclose(loaded(state, loaded.initial_memory())[0], table(state), rtol=1e-6)
    game = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    mirror = lx.match(game, [loaded, table], jax.random.key(0), horizon=3, batch_size=4)
    np.testing.assert_allclose(*jnp.stack(mirror.outputs)[:, 0], rtol=1e-6)
    longer = lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"], memory_length=2)
    with pytest.raises(ValueError, match="that of player 1 is a table of 5 states, and the game has 21"):
        lx.match(longer, ["random", loaded], jax.random.key(0), horizon=3, batch_size=4)
    with pytest.raises(ValueError, match="a table is of a matrix game's states"):
        lx.match(lx.OneCoinGame(), ["random", loaded], jax.random.key(0), horizon=3, batch_size=4)


def test_what_is_written_is_the_same_each_time_and_says_what_it_is(tmp_path):
    folders = [written(tmp_path / name) for name in ("a", "b")]
    for name in ("agent.json", "agent.npz"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert {file.name for file in folders[0].iterdir()} == {"agent.json", "agent.npz"}
    about = json.loads((folders[0] / "agent.json").read_text())
    assert [layer["name"] for layer in about["layers"]] == ["dense0", "dense1", "gru", "head"]
    assert [layer["activation"] for layer in about["layers"]] == ["relu", None, None, None]
    assert about["observation"] == {"size": 36, "view": "own", "layout": "in words"}
    assert about["memory"] == {"size": 3}
    assert lx.read_agents(folders[0] / "agent.npz").keys() == {"mine/0"}


def test_words_say_what_is_seen_and_done():
    coin, ipd = lx.OneCoinGame(view="own"), lx.MatrixGame(lx.TWO_PLAYER_GAMES["prisoners-dilemma"])
    assert action_names(coin, 0) == ["right", "left", "down", "up"]
    assert action_names(lx.TwoCoinGame(), 1)[-1] == "stay"
    assert action_names(ipd, 0) == ["defect", "cooperate"]
    assert action_names(lx.MatrixGame(np.zeros((2, 3, 2))), 0) == ["action 0", "action 1", "action 2"]
    assert observation_layout(coin, 0).startswith("4 planes of 3 × 3 cells")
    assert observation_layout(coin, 0).endswith("a coin of its own colour, one of the other's")
    assert "stands in the middle" in observation_layout(lx.TwoCoinGame(egocentric=True), 0)
    assert observation_layout(ipd, 0, table=True).endswith("DD, DC, CD, CC, start")
    assert "whoever looks" in observation_layout(ipd, 1)
    for view in get_args(CoinView):
        three = lx.OneCoinGame(view=view, num_players=3)
        size = len(three.observe(three.reset(jax.random.key(0)), 0))
        words = observation_layout(three, 0)
        assert words.startswith(f"{size // 9} planes of 3 × 3 cells")
        assert ("player 0 to player 2" if view == "board" else "the 2 players after it") in words
        assert ("in the middle" in words) == (view == "egocentric")
    commons = lx.CommonsGame(num_players=3)
    assert action_names(commons, 2) == ["take much", "take little"]
    assert observation_layout(commons, 0).startswith("the stock, as a share of what the place can carry; 1 for each")
    environment = SimpleNamespace(agents=[])
    assert "the environment's own observation, flattened" in observation_layout(lx.from_jaxmarl(environment), 0)


def about_with(**changes):
    def change(folder):
        file = folder / "agent.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def raw(text):
    return lambda folder: (folder / "agent.json").write_text(text)


def arrays_of_hand(write):
    """Other arrays, and the SHA-256 of these."""

    def change(folder):
        file = folder / "agent.npz"
        write(file)
        about_with(arrays={"sha256": hashlib.sha256(file.read_bytes()).hexdigest()})(folder)

    return change


def header_of(shape, dtype="<f4", content=b""):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return write


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("weight", "bias"):
            with archive.open(f"mine/0/head/{name}.npy", "w") as member:
                for _ in range(129):
                    member.write(bytes(2**20))


def saved(**arrays):
    given = {f"mine/0/{name.replace('__', '/')}": array for name, array in arrays.items()}
    return lambda path: np.savez(path, **given)


def other_agent(folder):
    """A sound one of another shape, with the first one's description."""
    about = json.loads((folder / "agent.json").read_text())
    written(folder, PolicyWithView(drawn_network(1, 20, 4, num_layers=2), "own"))
    arrays = json.loads((folder / "agent.json").read_text())["arrays"]
    (folder / "agent.json").write_text(json.dumps(about | {"arrays": arrays}))


BIAS, OBJECTS = np.zeros(2, np.float32), np.array([{}], object)

HOSTILE = {
    "no folder": (lambda folder: shutil.rmtree(folder), r"agent.json': cannot be read \(No such file"),
    "a file": (lambda folder: (shutil.rmtree(folder), folder.write_text("x")), r"cannot be read \(Not a directory"),
    "no arrays": (lambda folder: (folder / "agent.npz").unlink(), r"agent.npz': cannot be read \(No such file"),
    "a folder of that name": (lambda folder: ((folder / "agent.json").unlink(), (folder / "agent.json").mkdir()),
                              r"cannot be read \(Is a directory"),
    "text": (raw("not JSON"), r"cannot be read as JSON \(JSONDecodeError\)"),
    "no text": (lambda folder: (folder / "agent.json").write_bytes(b"\xff\xfe{"), "JSON .UnicodeDecodeError"),
    "nothing": (raw(""), "cannot be read as JSON"),
    "deep": (raw("[" * 200_000 + "]" * 200_000), r"cannot be read as JSON \(RecursionError\)"),
    "long": (raw(" " * (2**20 + 1)), "takes more than the 1048576 bytes that it may"),
    "not a number": (about_with(game={"reward": float("nan")}), "cannot be read as JSON"),
    "a huge number": (raw('{"format": ' + "9" * 10_000 + "}"), "cannot be read as JSON"),
    "a list": (raw("[]"), "is no description of an agent of the format lookax-agent/1"),
    "another format": (about_with(format="lookax-agent/2"), "is no description of an agent of the format"),
    "no memory": (about_with(memory=None), "memory is missing, or no dict"),
    "another name": (about_with(name="x"), "must hold one agent for any seat, of the name in agent.json"),
    "another file": (about_with(arrays={"file": "../../etc/passwd", "sha256": "0"}), "is not the file that agent.json"),
    "no hash": (about_with(arrays={}), "is not the file that agent.json describes, by its SHA-256"),
    "other sizes": (other_agent, "agent.json': observation is not that of the arrays in agent.npz"),
    "more memory": (about_with(memory={"size": 10**12}), "memory is not that of the arrays"),
    "another view": (about_with(observation={"size": 36, "view": "board"}), "observation is not that of the arrays"),
    "other layers": (about_with(layers=[]), "layers is not that of the arrays"),
    "more actions": (about_with(actions=list("abcde")), "actions is not that of the arrays"),
    "arrays of text": (arrays_of_hand(lambda path: path.write_text("x" * 99)), "agent.npz': is no .npz of NumPy"),
    "terabytes": (arrays_of_hand(zipped({"mine/0/head/weight.npy": header_of((10**6, 10**7))})),
                  "mine/0: head/bias is missing|head/weight is no array of numbers"),
    "terabytes of zeros": (arrays_of_hand(zipped({"mine/0/head/weight.npy": header_of((2, 2**40)),
                                                  "mine/0/head/bias.npy": header_of((2,), content=bytes(8))})),
                           "mine/0: head/weight is no array of numbers"),
    "a shape below zero": (arrays_of_hand(zipped({"mine/0/head/weight.npy": header_of((-2, -2), content=bytes(16)),
                                                  "mine/0/head/bias.npy": header_of((2,), content=bytes(8))})),
                           "mine/0: head/weight is no array of numbers"),
    "a zip bomb": (arrays_of_hand(bomb), r"agent.npz': takes \d+ bytes, unpacked; agents may take 268435456"),
    "another packing": (arrays_of_hand(zipped({"mine/0/head/weight.npy": header_of((1, 1), content=bytes(4)),
                                               "mine/0/head/bias.npy": header_of((1,), content=bytes(4))},
                                              zipfile.ZIP_LZMA)), "head/weight is no array of numbers"),
    "a path": (arrays_of_hand(zipped({"../../../tmp/x.npy": b"x"})), "../../../tmp/x is no part of an agent"),
    "lines": (arrays_of_hand(zipped({"a\nb\x1b[2J.npy": b"x"})), r"'a\\nb\\x1b\[2J' is no part of an agent"),
    "objects": (arrays_of_hand(saved(head__weight=OBJECTS, head__bias=BIAS)), "head/weight is no array of numbers"),
    "infinite": (arrays_of_hand(saved(head__weight=np.full((2, 3), np.nan), head__bias=BIAS)), "are not finite"),
    "shapes": (arrays_of_hand(saved(head__weight=np.zeros((3, 3)), head__bias=BIAS)), r"head/bias has shape \[2\]"),
    "a flat table": (arrays_of_hand(saved(table=np.zeros(3))), r"table has shape \[3\]; it must be \[any size, any"),
    "table and head": (arrays_of_hand(saved(table=np.zeros((3, 3)), head__bias=BIAS)), "head/weight is missing"),
    "two agents": (arrays_of_hand(lambda path: lx.write_agents(path, dict.fromkeys(("mine/0", "x"), AGENTS["gru"]))),
                   "must hold one agent"),
    "two seats": (arrays_of_hand(lambda path: lx.write_agents(path, {"mine/0": [AGENTS["gru"]] * 2})),
                  "must hold one agent for any seat"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return written(tmp_path_factory.mktemp("sound") / "agent")


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_folders_are_refused_in_one_line(kind, sound, tmp_path):
    change, complaint = HOSTILE[kind]
    folder = shutil.copytree(sound, tmp_path / "agent")
    change(folder)
    with pytest.raises(ValueError, match=complaint) as error:
        load_agent(folder)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"'{folder}/agent.")
    assert len(str(error.value)) < 400


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_BYTES", 1000)
    lx.write_agents(tmp_path / "agents.npz", {"a": AGENTS["gru"]})
    with pytest.raises(ValueError, match="takes more than the 1000 bytes that it may"):
        lx.read_agents(tmp_path / "agents.npz")
    with pytest.raises(ValueError, match="takes more than the 1000 bytes"):
        written(tmp_path / "agent")


def test_no_space_is_made_for_what_a_header_states(tmp_path):
    zipped({"a/head/weight.npy": header_of((2**14, 2**14)), "a/head/bias.npy": header_of((2**14,))})(tmp_path / "a.npz")
    tracemalloc.start()
    with pytest.raises(ValueError, match="head/weight is no array of numbers"):
        lx.read_agents(tmp_path / "a.npz")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The header states a gibibyte.
    assert most < 2**22


def test_no_more_is_unpacked_than_the_archive_states(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/head/bias.npy", header_of((2,), content=bytes(2**25)))
        archive.infolist()[0].file_size = len(header_of((2,), content=bytes(8)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="head/weight is missing"):
            lx.read_agents(tmp_path / "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert npz.parse_npz("a", (tmp_path / "a.npz").read_bytes()) == {"a/head/bias": None}


def test_a_file_of_too_many_arrays_is_refused(tmp_path, monkeypatch):
    saved(head__weight=np.zeros((2, 3)), head__bias=BIAS)(tmp_path / "a.npz")
    monkeypatch.setattr(npz, "MAX_MEMBERS", 2)
    assert lx.read_agents(tmp_path / "a.npz").keys() == {"mine/0"}
    monkeypatch.setattr(npz, "MAX_MEMBERS", 1)
    with pytest.raises(ValueError, match=r"a.npz': has more than the 1 arrays that it may"):
        lx.read_agents(tmp_path / "a.npz")
