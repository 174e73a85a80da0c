"""Files of agents give back what was written, and say what is wrong with them."""

import io
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.games.coin_game import OneCoinGame
from lookax.policies.mlp import mlp_policy
from lookax.policies.published.agent_files import is_agent_file, read_agent, read_agents, read_groups, write_agents
from lookax.policies.published.layout import arrays_of
from lookax.policies.published.seats import PolicyPerSeat, PolicyWithView
from tests.networks import drawn_network
from tests.policies.test_seats import acts

FIRST, SECOND = (drawn_network(seed, 36, 4) for seed in (0, 1))
ARRAYS = arrays_of(FIRST)


def assert_same(policy, other):
    assert jax.tree.structure(policy) == jax.tree.structure(other)
    for one, another in zip(jax.tree.leaves(policy), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(one, another)


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("unit", ["gru", "none"])
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_networks_come_back_bit_for_bit(unit, layers, x64, tmp_path):
    with jax.enable_x64(x64):
        network = drawn_network(2, 5, 3, num_layers=layers, recurrent_unit=unit)
        write_agents(tmp_path / "agents.npz", {"some/method/7": network})
        [(name, read)] = read_agents(tmp_path / "agents.npz").items()
        assert name == "some/method/7"
        assert_same(read, PolicyWithView(network))
        assert isinstance(read, PolicyWithView)
        assert read.policy.head.bias.dtype == network.head.bias.dtype


def test_names_of_arrays_are_those_of_the_layout(tmp_path):
    write_agents(tmp_path / "agents.npz", {"mine/0": [FIRST, PolicyWithView(SECOND, "board")], "x": FIRST}, view="own")
    with np.load(tmp_path / "agents.npz", allow_pickle=False) as file:
        shapes = {name: file[name].shape for name in file.files}
        assert file["mine/0/seat0/view"] == "own"
        assert file["mine/0/seat1/view"] == "board"
        np.testing.assert_array_equal(file["x/gru/bias"], FIRST.unit.bias)
        np.testing.assert_array_equal(file["x/gru/input_weight"], FIRST.encoder.gates.weight)
    network = {
        "dense0/weight": (3, 36),
        "dense0/bias": (3,),
        "gru/input_weight": (9, 3),
        "gru/input_bias": (9,),
        "gru/weight": (9, 3),
        "gru/bias": (3,),
        "head/weight": (4, 3),
        "head/bias": (4,),
        "view": (),
    }
    agents = "mine/0/seat0", "mine/0/seat1", "x"
    assert shapes == {f"{agent}/{part}": shape for agent in agents for part, shape in network.items()}


def test_seats_and_views_come_back(tmp_path):
    pair = PolicyPerSeat((PolicyWithView(FIRST, "own"), PolicyWithView(SECOND)))
    agents = {"pair/0": pair, "alone": PolicyWithView(FIRST, "egocentric")}
    for name in ("agents.npz", "again.npz"):
        write_agents(tmp_path / name, agents)
        agents = read_agents(tmp_path / name)
    assert_same(agents["pair/0"], pair)
    assert_same(agents["alone"], PolicyWithView(FIRST, "egocentric"))
    np.testing.assert_array_equal(acts(OneCoinGame(), agents["pair/0"], 1), acts(OneCoinGame(), SECOND, 1))


def test_groups_are_seeds_in_order(tmp_path):
    networks = {f"a/{number}": drawn_network(number, 36, 4) for number in (12, 10, 11)}
    write_agents(tmp_path / "agents.npz", networks | {"b/c": FIRST, "d/0": [FIRST, SECOND]}, view="own")
    groups = read_groups(tmp_path / "agents.npz")
    assert {name: group.numbers for name, group in groups.items()} == {
        "a": range(10, 13),
        "b/c": range(1),
        "d": range(1),
    }
    for place, number in enumerate((10, 11, 12)):
        one = jax.tree.map(lambda leaf, place=place: leaf[place], groups["a"].policy)
        assert_same(one, PolicyWithView(networks[f"a/{number}"], "own"))
    assert isinstance(groups["d"].policy, PolicyPerSeat)


@pytest.mark.parametrize(
    ("agents", "complaint"),
    [
        ({"a/0": FIRST, "a/2": FIRST}, "a has agents of numbers 0, 2; there must be no gap"),
        ({"a/0": FIRST, "a": FIRST}, "a has two agents of number 0"),
        (
            {"a/0": FIRST, "a/1": drawn_network(0, 36, 4, hidden_size=2)},
            "a/1 has another architecture or view than .*a/0",
        ),
        ({"a/0": FIRST, "a/1": PolicyWithView(FIRST, "own")}, "a/1 has another architecture or view than .*a/0"),
    ],
)
def test_groups_that_are_none(agents, complaint, tmp_path):
    write_agents(tmp_path / "agents.npz", agents)
    with pytest.raises(ValueError, match=complaint) as error:
        read_groups(tmp_path / "agents.npz")
    assert str(error.value).startswith(f"{str(tmp_path / 'agents.npz')!r}: ")
    assert "\n" not in str(error.value)


def test_one_agent_is_found_by_its_place(tmp_path):
    path = tmp_path / "agents.npz"
    write_agents(path, {"a/0": FIRST, "a/1": SECOND})
    assert_same(read_agent(f"{path}:a/1"), PolicyWithView(SECOND))
    for place in (path, f"{path}:a", f"{path}:"):
        with pytest.raises(ValueError, match=r"has no agent '.*'; name one of a/0, a/1 as .*agents.npz:NAME"):
            read_agent(str(place))
    write_agents(path, {"a/0": FIRST})
    assert_same(read_agent(str(path)), PolicyWithView(FIRST))
    assert [is_agent_file(place) for place in ("x.npz", "x.npz:a", "x.json", "runs/x")] == [True, True, False, False]


def written(**arrays):
    def write(path):
        with path.open("wb") as file:
            np.savez(file, **{name.replace("__", "/"): array for name, array in arrays.items()})

    return write


def with_objects(path):
    arrays: Any = {f"a/{name}": array for name, array in ARRAYS.items()} | {"a/head/bias": np.array([{}])}
    np.savez(path, **arrays)


def changed(**changes):
    given = {f"a/{name}": array for name, array in ARRAYS.items()}
    given |= {f"a/{name.replace('__', '/')}": array for name, array in changes.items()}
    kept: Any = {name: array for name, array in given.items() if array is not None}
    return lambda path: np.savez(path, **kept)


def damaged(path):
    changed()(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"a/head/bias.npy") + 140
    content[place] ^= 255
    path.write_bytes(bytes(content))


def of_other_files(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/head/bias", "not an array")


def of_one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


FAULTS = {
    "missing": (lambda path: None, r"cannot be read \(No such file or directory\)"),
    "folder": (lambda path: path.mkdir(), r"cannot be read \(Is a directory\)"),
    "text": (lambda path: path.write_text("not a zip"), r"is no .npz of NumPy"),
    "nothing": (lambda path: path.write_bytes(b""), r"is no .npz of NumPy"),
    "half a zip": (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), r"is no .npz of NumPy"),
    "one array": (of_one_array, r"is no .npz of NumPy"),
    "no agents": (written(), "holds no agents"),
    "other files": (of_other_files, "a: dense|a: head/weight is missing"),
    "objects": (with_objects, "a: head/bias is no array of numbers"),
    "damage": (damaged, "a: head/bias is no array of numbers"),
    "a stranger": (written(readme=np.zeros(1)), "readme is no part of an agent"),
    "a stranger of an agent": (changed(gru__mass=np.zeros(1)), "a: gru/mass is no part of a network"),
    "no bias": (changed(gru__bias=None), "a: gru/bias is missing"),
    "no head": (changed(head__weight=None), "a: head/weight is missing"),
    "no first layer": (changed(dense1__bias=np.zeros(3), dense0__bias=None), "a: dense0/bias is missing"),
    "shape": (changed(gru__weight=np.zeros((9, 2))), r"a: gru/weight has shape \[9, 2\]; it must be \[9, 3\]"),
    "shape of gates": (changed(gru__input_bias=np.zeros(8)), r"a: gru/input_bias has shape \[8\]; it must be \[9\]"),
    "shape of a layer": (changed(dense0__bias=np.zeros(2)), r"a: dense0/bias has shape \[2\]; it must be \[3\]"),
    "shape of the head": (changed(head__weight=np.zeros((4, 5))), r"has shape \[4, 5\]; it must be \[any size, 3\]"),
    "empty": (changed(dense0__weight=np.zeros((0, 36))), r"has shape \[0, 36\]; it must be \[any size, any size\]"),
    "infinite": (changed(dense0__bias=np.array([0, 1, np.inf])), "a: dense0/bias has numbers that are not finite"),
    "complex": (changed(dense0__bias=np.zeros(3, complex)), "a: dense0/bias is no array of numbers"),
    "view": (changed(view=np.array("mine")), "a: view is 'mine'; it must be one of board, own, egocentric"),
    "views": (changed(view=np.array(["own"])), "a: view is None; it must be"),
    "seats and none": (changed(seat0__view=np.array("own")), "a has arrays of its own, and others for its seats"),
    "one seat": (written(a__seat1__head__bias=np.zeros(2)), "a has arrays for seat 1; there must be some for"),
    "a seat": (
        written(a__seat0__head__bias=np.zeros(2), a__seat1__head__bias=np.zeros(2)),
        "a/seat0: head/weight is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_file_is_said_in_one_line(fault, tmp_path):
    write, complaint = FAULTS[fault]
    path = tmp_path / "agents.npz"
    write(path)
    with pytest.raises(ValueError, match=complaint) as error:
        read_agents(path)
    assert str(error.value).startswith(f"{str(path)!r}: ")
    assert "\n" not in str(error.value)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()]), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "agents.npz", "w") as archive:
        archive.writestr("a/head/weight.npy", buffer.getvalue())
        archive.writestr("a/head/bias.npy", buffer.getvalue())
    with pytest.raises(ValueError, match="a: head/weight is no array of numbers"):
        read_agents(tmp_path / "agents.npz")


@pytest.mark.usefixtures("types_unchecked")
@pytest.mark.parametrize(
    ("path", "agents", "complaint"),
    [
        ("a.zip", {"a": FIRST}, "path: '.*a.zip' is not allowed; it must be a file whose name ends in .npz"),
        ("none/a.npz", {"a": FIRST}, "path: '.*a.npz' cannot be written"),
        ("a.npz", {"a/seat0": FIRST}, "agents: 'a/seat0' is not allowed; it must be a name that does not end"),
        ("a.npz", {"": FIRST}, "agents: '' is not allowed"),
        ("a.npz", {"a": [FIRST]}, "agents: 'a' is not allowed; it must be one network, or a list of one for each seat"),
        ("a.npz", {"a": mlp_policy(jax.random.key(0), 3, 2, (4,))}, "agents: a: a MLPPolicy is no table, and"),
        ("a.npz", {"a": lambda x: jnp.zeros(2)}, "agents: a: a function is no table, and no network of dense layers"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(path, agents, complaint, tmp_path):
    with pytest.raises(ValueError, match=complaint):
        write_agents(tmp_path / path, agents)
    with pytest.raises(ValueError, match="view: 'mine' is not allowed; it must be None or one of board, own"):
        write_agents(tmp_path / "a.npz", {"a": FIRST}, view="mine")  # pyright: ignore[reportArgumentType]
    assert list(tmp_path.iterdir()) == []


def test_numbers_must_be_finite_in_the_precision_that_is_computed_in(tmp_path):
    arrays = {"a/head/weight": np.full((2, 3), 1e300), "a/head/bias": np.zeros(2)}
    np.savez(tmp_path / "agents.npz", **arrays)
    single = pytest.raises(ValueError, match="a: head/weight has numbers that are not finite in float32")
    with jax.enable_x64(False), single:
        read_agents(tmp_path / "agents.npz")
    with jax.enable_x64(True):
        assert read_agents(tmp_path / "agents.npz").keys() == {"a"}
