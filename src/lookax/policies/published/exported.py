"""An agent in a folder of its own, for use anywhere: arrays in `agent.npz`, and what they mean in `agent.json`.

The arrays are a [file of agents][lookax.policies.published.agent_files] with one agent in it. The description has

- `format` and `name`; `arrays`, the SHA-256 of the file of arrays;
- `layers`, in the order in which they act: `{"name": "dense0", "kind": "dense", "activation": "relu"}`, with the
  equations of [`lookax.policies.published.layout`][];
- `observation`: its `size`, the `view`, and the `layout` in words; `memory`: its `size`, zeros at first;
- `actions`: their names, in the order of the logits;
- `game`, the rules that it was trained in, and `provenance`: preset, settings, seed, player, update, versions.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from lookax.errors import BadInputError
from lookax.games.game import Game
from lookax.policies.actor import Actor
from lookax.policies.network import Network
from lookax.policies.player import Player
from lookax.policies.published.agent_files import parse_agents, write_agents
from lookax.policies.published.npz import read_bounded
from lookax.policies.published.seats import PolicyWithView
from lookax.policies.recurrent import GRU

ARRAYS, DESCRIPTION = "agent.npz", "agent.json"

FORMAT = "lookax-agent/1"

MAX_DESCRIPTION = 2**20
"""Bytes of a description. They are a few thousand."""


@dataclasses.dataclass(frozen=True)
class ExportedAgent:
    """An agent that was exported: a function `agent(observation, memory)`, and a policy for any seat of its game.

    ```python
    agent = lx.load_agent("agent")
    memory = agent.initial_memory()
    logits, memory = agent(observation, memory)
    ```

    **Attributes:**

    - `policy`: the network or table, with its view of the game.
    - `description`: what `agent.json` says.
    """

    policy: PolicyWithView
    description: Mapping[str, Any]

    def initial_memory(self) -> Float[Array, " H"]:
        """Zeros; none of them for an agent without a memory."""
        network = self.policy.policy
        size = len(network.unit.bias) if isinstance(network, Network) and isinstance(network.unit, GRU) else 0
        return jnp.zeros(size)

    def __call__(
        self, observation: Float[Array, " D"], memory: Float[Array, " H"]
    ) -> tuple[Float[Array, " A"], Float[Array, " H"]]:
        """Action logits on an observation, and the memory that the next call takes."""
        player = Player(self.policy.policy)
        if not memory.size:
            return player.logits(player.initial_hidden_state(), observation)[1], memory
        hidden_state, logits = player.logits(memory, observation)
        return logits, hidden_state

    def actor(self, game: Game, player: int) -> Actor:
        """The agent in a seat of a game, as [`match`][lookax.evaluation.matches.match] asks for it."""
        return self.policy.actor(game, player)


def write_exported(folder: Path, agent: PolicyWithView, description: Mapping[str, Any]) -> None:
    """Writes an agent into a folder that exists.

    **Arguments:** the `folder`; the `agent`; the `description` of all but its arrays: `name`, the layout of an
    `observation`, `actions`, `game`, `provenance`.

    **Raises:** `ValueError` for what is no policy of the layout.
    """
    file = folder / ARRAYS
    write_agents(file, {description["name"]: agent})
    content = read_bounded(file)
    # As it is read, for what is written may be another form of it.
    shape = _shape(parse_agents(repr(str(file)), content)[description["name"]])
    whole = {
        "format": FORMAT,
        "name": description["name"],
        "arrays": {"file": ARRAYS, "sha256": hashlib.sha256(content).hexdigest()},
        "layers": shape["layers"],
        "observation": shape["observation"] | {"layout": description["observation"]},
        "memory": shape["memory"],
        **{part: description[part] for part in ("actions", "game", "provenance")},
    }
    (folder / DESCRIPTION).write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def load_agent(folder: str | Path) -> ExportedAgent:
    """The agent in a folder that [`export`][lookax.commands.export] wrote.

    Nothing is unpickled. What the description says has to be what the arrays are.

    ```python
    agent = lx.load_agent("agent")
    games = lx.match(game, [agent, "tit-for-tat"], jax.random.key(0), horizon=50, batch_size=64)
    ```

    **Raises:** `ValueError`, in one line that names the file, for anything else.
    """
    file, about = Path(folder) / ARRAYS, Path(folder) / DESCRIPTION
    description = _read_description(about)
    content = read_bounded(file)
    if hashlib.sha256(content).hexdigest() != description["arrays"].get("sha256"):
        raise BadInputError(f"{str(file)!r}: is not the file that {DESCRIPTION} describes, by its SHA-256")
    agents = parse_agents(repr(str(file)), content)
    agent = agents.get(description["name"])
    if len(agents) > 1 or not isinstance(agent, PolicyWithView):
        raise BadInputError(f"{str(file)!r}: must hold one agent for any seat, of the name in {DESCRIPTION}")
    for part, own in _shape(agent).items():
        said = description[part]
        said = {name: said.get(name) for name in own} if isinstance(own, dict) else said
        said = len(said) if part == "actions" else said
        if said != own:
            raise BadInputError(f"{str(about)!r}: {part} is not that of the arrays in {ARRAYS}")
    return ExportedAgent(agent, description)


_PARTS = {
    "format": str, "name": str, "arrays": dict, "layers": list, "observation": dict, "memory": dict, "actions": list,
    "game": dict, "provenance": dict,
}  # fmt: skip


def _read_description(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bounded(path, MAX_DESCRIPTION).decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as reason:
        if isinstance(reason, BadInputError):
            raise
        raise BadInputError(f"{str(path)!r}: cannot be read as JSON ({type(reason).__name__})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BadInputError(f"{str(path)!r}: is no description of an agent of the format {FORMAT}")
    for part, kind in _PARTS.items():
        if not isinstance(content.get(part), kind):
            raise BadInputError(f"{str(path)!r}: {part} is missing, or no {kind.__name__}")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _shape(agent: Any) -> dict[str, Any]:
    """What a description says of an agent for any seat that the arrays say, too."""
    policy = agent.policy
    if not isinstance(policy, Network):
        states, actions = policy.logits.shape
        layers = [{"name": "table", "kind": "table", "activation": None}]
        return {
            "layers": layers,
            "observation": {"size": states, "view": "state"},
            "memory": {"size": 0},
            "actions": actions,
        }
    network: Any = policy
    recurrent = isinstance(network.unit, GRU)
    dense = network.encoder.layers.layers if recurrent else network.encoder.layers
    layers = [
        {"name": f"dense{number}", "kind": "dense", "activation": None if number else "relu"}
        for number in range(len(dense))
    ]
    layers += [{"name": "gru", "kind": "gru", "activation": None}] if recurrent else []
    first = dense[0] if dense else network.encoder.gates if recurrent else network.head
    return {
        "layers": [*layers, {"name": "head", "kind": "dense", "activation": None}],
        "observation": {"size": first.weight.shape[1], "view": agent.view},
        "memory": {"size": len(network.unit.bias) if recurrent else 0},
        "actions": len(network.head.bias),
    }
