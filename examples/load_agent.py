"""Plays with an agent of `lookax export`: python load_agent.py FOLDER < observations, a JSON list in each line."""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

about = json.loads(Path(sys.argv[1], "agent.json").read_text())
w = {name.removeprefix(about["name"] + "/"): a for name, a in jnp.load(Path(sys.argv[1], "agent.npz")).items()}


def policy(x, memory):
    for layer in about["layers"]:
        if layer["kind"] == "gru":
            seen, kept = w["gru/input_weight"] @ x + w["gru/input_bias"], w["gru/weight"] @ memory
            r, z = jnp.split(jax.nn.sigmoid(seen + kept)[: 2 * memory.size], 2)
            new = jnp.tanh(seen[-r.size :] + r * (kept[-r.size :] + w["gru/bias"]))
            x = memory = new + z * (memory - new)
        else:
            x = x @ w["table"] if "table" in w else w[layer["name"] + "/weight"] @ x + w[layer["name"] + "/bias"]
            x = jax.nn.relu(x) if layer["activation"] == "relu" else x
    return x, memory


memory = jnp.zeros(about["memory"]["size"])
for line in sys.stdin:
    logits, memory = policy(jnp.array(json.loads(line), float), memory)
    print(json.dumps({"action": about["actions"][logits.argmax()], "logits": logits.tolist()}), flush=True)
