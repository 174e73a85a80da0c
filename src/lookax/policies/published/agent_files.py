"""Files of agents: arrays of NumPy in an `.npz`, which is read without unpickling anything.

Every agent has a name, and its arrays are called after that: those of `loqa/0` are `loqa/0/dense0/weight` and so on, as
[`lookax.policies.published.layout`][] lists them. Beside them an agent may have

- `loqa/0/view`: what it sees of a coin or matrix game, one of the strings of [`CoinView`][lookax.choices.CoinView];
  without it, whatever the game shows.
- `pola/0/seat0/…` and `pola/0/seat1/…` in place of all these: two networks that learned together, one for each seat,
  each with a `view` of its own. Otherwise the same network sits in any seat.

Agents `loqa/0`, `loqa/1`, … are a *group*, several random seeds of the same method, which meets others as one. An agent
without a number is a group by itself.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np

from lookax.choices import CoinView
from lookax.errors import BadInputError, check
from lookax.policies.published.layout import arrays_of, policy_of
from lookax.policies.published.npz import parse_npz, read_bounded
from lookax.policies.published.seats import PolicyPerSeat, PolicyWithView

Policy = PolicyWithView | PolicyPerSeat

SUFFIX = ".npz"

ARRAY = re.compile(r"(?P<agent>.+?)(?:/seat(?P<seat>\d))?/(?P<part>(?:dense\d+|gru|head)/\w+|table|view)")
"""Names of arrays: an agent's, perhaps a seat's, a part of the network or its view."""


@dataclasses.dataclass(frozen=True)
class AgentGroup:
    """Agents that differ in their random seeds.

    **Attributes:** the `policy` of all of them, arrays `[seeds, …]`, for any seat; their `numbers`.
    """

    policy: Policy
    numbers: range


def read_agents(path: str | Path) -> dict[str, Policy]:
    """The agents in a file of arrays, by name; each is a policy for any seat.

    ```python
    agents = lx.read_agents("agents.npz")
    game = lx.OneCoinGame()
    games = lx.match(game, [agents["loqa/0"], "always-defect"], jax.random.key(0), horizon=50, batch_size=64)
    ```

    **Raises:** `ValueError`, in one line that names the file, the agent and the array, if it is no such file, an
    array is missing, has another shape or is none of finite numbers, or one is no part of an agent.
    """
    return parse_agents(repr(str(path)), read_bounded(Path(path)))


def parse_agents(what: str, content: bytes) -> dict[str, Policy]:
    """The agents in what a file of arrays holds, by name.

    **Arguments:** `what` the file is, for messages; its `content`.

    **Raises:** `ValueError` as [`read_agents`][lookax.policies.published.agent_files.read_agents] does.
    """
    by_agent: dict[str, dict[int | None, dict[str, Any]]] = {}
    for name, array in parse_npz(what, content).items():
        found = ARRAY.fullmatch(name)
        if found is None:
            raise BadInputError(f"{what}: {_shown(name)} is no part of an agent")
        seat = None if found["seat"] is None else int(found["seat"])
        by_agent.setdefault(found["agent"], {}).setdefault(seat, {})[found["part"]] = array
    if not by_agent:
        raise BadInputError(f"{what}: holds no agents")
    return {name: _agent(f"{what}: {_shown(name)}", seats) for name, seats in by_agent.items()}


def write_agents(path: str | Path, agents: Mapping[str, Any], *, view: CoinView | None = None) -> None:
    """Writes agents into a file of arrays, in place of one that is there.

    ```python
    run = lx.open_run("runs/x")
    agents = {f"mine/{seed}": [run.agent(seed=seed, player=i).policy for i in (0, 1)] for seed in (0, 1)}
    lx.write_agents("mine.npz", agents, view="own")
    ```

    **Arguments:**

    - `path`: the file, an `.npz`.
    - `agents`: by name: a network for any seat, a list of one for each seat, or what
      [`read_agents`][lookax.policies.published.agent_files.read_agents] gives.
    - `view`: what those see of a coin or matrix game that do not say it themselves.

    **Raises:** `ValueError` for a name that cannot be read again, and for what is no policy of the layout.
    """
    file = Path(path)
    check(file.suffix == SUFFIX, "path", str(path), f"a file whose name ends in {SUFFIX}")
    check(view in (None, *get_args(CoinView)), "view", view, f"None or one of {', '.join(get_args(CoinView))}")
    arrays: dict[str, Any] = {}
    for name, agent in agents.items():
        readable = ARRAY.fullmatch(f"{name}/view")
        ends = readable is not None and readable["agent"] == name
        check(ends, "agents", name, "a name that does not end in a seat's, such as seat0")
        seats = agent.seats if isinstance(agent, PolicyPerSeat) else agent
        if isinstance(seats, Sequence):
            check(len(seats) > 1, "agents", name, "one network, or a list of one for each seat")
            for seat, own in enumerate(seats):
                arrays |= _named_arrays(f"{name}/seat{seat}", own, view)
        else:
            arrays |= _named_arrays(name, seats, view)
    try:
        with file.open("wb") as opened:
            np.savez(opened, **arrays)
    except OSError as reason:
        raise BadInputError(f"path: {str(path)!r} cannot be written ({reason.strerror})") from None


def read_groups(path: str | Path) -> dict[str, AgentGroup]:
    """The agents in a file of arrays as groups, by the groups' names.

    **Raises:** `ValueError` as [`read_agents`][lookax.policies.published.agent_files.read_agents] does, and for groups
    whose agents are not of one architecture or whose numbers have gaps.
    """
    by_group: dict[str, dict[int, Policy]] = {}
    for name, agent in read_agents(path).items():
        group, number = _group(name)
        if number in by_group.setdefault(group, {}):
            raise BadInputError(f"{str(path)!r}: {group} has two agents of number {number}")
        by_group[group][number] = agent
    return {name: _stacked(f"{str(path)!r}: {name}", group) for name, group in by_group.items()}


def read_agent(place: str) -> Policy:
    """One agent, by where it is: `"FILE.npz:name"`, or the file alone if there is no other agent in it.

    **Raises:** `ValueError` as [`read_agents`][lookax.policies.published.agent_files.read_agents] does, and for an
    agent that there is not.
    """
    before, _, name = place.partition(f"{SUFFIX}:")
    path = f"{before.removesuffix(SUFFIX)}{SUFFIX}"
    agents = read_agents(path)
    if not name and len(agents) == 1:
        return next(iter(agents.values()))
    if name not in agents:
        raise BadInputError(f"{path!r}: has no agent {name!r}; name one of {', '.join(agents)} as {path}:NAME")
    return agents[name]


def is_agent_file(place: str | Path) -> bool:
    """Whether this is a file of arrays, or an agent in one, by its name."""
    return str(place).endswith(SUFFIX) or f"{SUFFIX}:" in str(place)


def _shown(name: str) -> str:
    """A name that anybody may have chosen, in one line."""
    return name if name.isprintable() and len(name) < 100 else repr(name[:100])


def _agent(what: str, seats: Mapping[int | None, Mapping[str, Any]]) -> Policy:
    """An agent from its arrays, by seat: `None` for any."""
    if None in seats:
        if len(seats) > 1:
            raise BadInputError(f"{what} has arrays of its own, and others for its seats")
        return _policy(what, seats[None])
    numbers = sorted(seat for seat in seats if seat is not None)
    if numbers != [*range(max(len(numbers), 2))]:
        there = ", ".join(map(str, numbers))
        raise BadInputError(f"{what} has arrays for seat {there}; there must be some for seat 0, seat 1 and so on")
    return PolicyPerSeat(tuple(_policy(f"{what}/seat{seat}", seats[seat]) for seat in numbers))


def _policy(what: str, arrays: Mapping[str, Any]) -> PolicyWithView:
    arrays = dict(arrays)
    try:
        view = _view(arrays.pop("view")) if "view" in arrays else None
        return PolicyWithView(policy_of(arrays), view)
    except BadInputError as reason:
        raise BadInputError(f"{what}: {reason}") from None


def _view(array: Any) -> CoinView:
    text = array.item() if isinstance(array, np.ndarray) and array.shape == () else None
    for view in get_args(CoinView):
        if text == view:
            return view
    raise BadInputError(f"view is {text!r}; it must be one of {', '.join(get_args(CoinView))}")


def _named_arrays(name: str, agent: Any, view: CoinView | None) -> dict[str, np.ndarray]:
    network, own = (agent.policy, agent.view) if isinstance(agent, PolicyWithView) else (agent, None)
    try:
        arrays = arrays_of(network)
    except BadInputError as reason:
        raise BadInputError(f"agents: {name}: {reason}") from None
    if (seen := own or view) is not None:
        arrays["view"] = np.array(seen)
    return {f"{name}/{part}": array for part, array in arrays.items()}


def _group(name: str) -> tuple[str, int]:
    group, _, number = name.rpartition("/")
    return (group, int(number)) if group and number.isdecimal() else (name, 0)


def _stacked(what: str, agents: Mapping[int, Policy]) -> AgentGroup:
    numbers = sorted(agents)
    if numbers != [*range(numbers[0], numbers[0] + len(numbers))]:
        raise BadInputError(f"{what} has agents of numbers {', '.join(map(str, numbers))}; there must be no gap")
    first, *others = (agents[number] for number in numbers)
    for number, other in zip(numbers[1:], others, strict=True):
        if _form(other) != _form(first):
            raise BadInputError(f"{what}/{number} has another architecture or view than {what}/{numbers[0]}")
    return AgentGroup(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), first, *others), range(numbers[0], numbers[-1] + 1)
    )


def _form(policy: Policy) -> Any:
    return jax.tree.structure(policy), [leaf.shape for leaf in jax.tree.leaves(policy)]
