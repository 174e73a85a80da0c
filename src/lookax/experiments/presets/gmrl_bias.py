"""Two biases of meta-gradients that sampling alone does not explain (Liu et al. 2022, sections 4.1 and 4.2).

Compositional bias: the outer gradient is a nonlinear function of where the inner steps led, so that unbiased errors
there do not average out. It falls with the number |τ| of inner trajectories and grows with inner steps K and learning
rate α. Hessian bias: an error in every step's derivative enters a product of K of them.

Biases are drawn as in the paper, as the error of a mean of 10 or 20 estimates, which contains its own noise; the
metric `squared_bias` does not. Roots of mean squares are what the paper's bounds are of.
"""

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.presets.gmrl_decompose import parts_of
from lookax.experiments.settings.tabular_meta_gradients import LABELS, Estimator, MAMLGradient

COMPOSITIONAL, HESSIAN = "gmrl-tabular-compositional-bias", "gmrl-tabular-hessian-bias"

HESSIAN_ERRORS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
HESSIAN_RATES = (3.0, 3.5, 4.0, 4.5)


def _compositional(
    sweep: str, value: float | int, estimator: Estimator, trajectories: int, rate: float, steps: int
) -> Preset:
    return Preset(
        f"{COMPOSITIONAL}-{sweep}-{estimator}-{value:g}",
        f"Inner steps by {LABELS[estimator]}, the rest exact: α = {rate:g}, K = {steps}, |τ| = {trajectories}",
        MAMLGradient(
            **parts_of("lee", estimator, trajectories),
            inner_learning_rate=rate,
            inner_steps=steps,
            estimates=10,
        ),
        run_reports.GRADIENTS,
    )


COMPOSITIONAL_PRESETS = (
    *(
        _compositional("samples", number, estimator, number, 3.0, 2)
        for estimator in ("score-function", "dice")
        for number in (2, 4, 8, 16, 32, 64, 128, 256)
    ),
    *(
        _compositional("rate", rate, estimator, 32, rate, 6)
        for estimator in ("score-function", "dice")
        for rate in (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
    ),
    *(
        _compositional("steps", steps, estimator, 32, 3.0, steps)
        for estimator in ("score-function", "lvc", "loaded-dice", "dice")
        for steps in (1, 2, 3, 4, 5, 6)
    ),
)

HESSIAN_PRESETS = tuple(
    Preset(
        f"{HESSIAN}-{error:g}-{rate:g}",
        f"All exact but for an error of mean {error:g} in the inner steps' Hessian: α = {rate:g}, K = 2",
        MAMLGradient(hessian_error=error, inner_learning_rate=rate, inner_steps=2),
        run_reports.GRADIENTS,
    )
    for error in HESSIAN_ERRORS
    for rate in HESSIAN_RATES
)


COMPOSITIONAL_FIGURE = Figure(
    COMPOSITIONAL,
    "MAML-RL: bias from inner steps that are wrong without bias, by trajectories, learning rate and steps",
    COMPOSITIONAL_PRESETS,
    Report("lookax.experiments.figures.gmrl_bias:draw_compositional", "lookax.experiments.figures.gmrl_bias:table"),
)

HESSIAN_FIGURE = Figure(
    HESSIAN,
    "MAML-RL: bias from a biased Hessian in two inner steps",
    HESSIAN_PRESETS,
    Report("lookax.experiments.figures.gmrl_bias:draw_hessian", "lookax.experiments.figures.gmrl_bias:table"),
)
