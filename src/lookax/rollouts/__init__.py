"""Playing: trajectories of policies, many at once.

Dimension letters, here and in all of lookax:

| letter | counts |
|---|---|
| T | time steps |
| B | trajectories of a batch |
| N | players |
| S | states |
| A | actions (Aᵢ of player i) |
| J | joint actions, A₁ · … · A_N |
| K | learning steps of a lookahead |
| D | entries of an observation |
| H | entries of a hidden state |
| P | microbatches that a batch is worked through in |

Arrays are time-major: `[T, B]`, and `[T, N, B]` with an axis of players.
"""
