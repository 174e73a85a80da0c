"""Where LOLA-DiCE's bias comes from, in the iterated prisoner's dilemma (Liu et al. 2022, section 5.2).

Players' inner steps, the derivative of those steps and the outer gradient are each exact or sampled, from 128 or 1024
games, or off-policy from the last 1024 games. Presets do what the published commands do, a critic that regresses the
*immediate* reward included: its values are a poor baseline. Exact values have an infinite horizon, games 100 steps.

The group `estimator` is not in the paper: what other estimators make of as many games as the original's.
"""

from lookax.experiments import run_reports
from lookax.experiments.preset import Figure, Preset, Report
from lookax.experiments.settings.sampled_shaping import SampledShaping

PREFIX = "gmrl-ipd"

GROUPS = {
    "original": "LOLA-DiCE",
    "ablation": "parts of the inner step",
    "off-policy": "off-policy DiCE",
    "estimator": "other estimators",
}
"""By the first word of their names."""

PRESETS = tuple(
    Preset(f"{PREFIX}-{name}", f"LOLA-DiCE: {description}", settings, run_reports.SAMPLED)
    for name, description, settings in (
        ("original", "inner and outer gradient from 128 games", SampledShaping(critic_target="rewards")),
        (
            "original-inner-exact",
            "exact inner steps, outer gradient from 128 games",
            SampledShaping(inner_estimator="exact", critic_target="rewards"),
        ),
        (
            "original-inner-1024",
            "inner steps from 1024 games, outer gradient from 128",
            SampledShaping(inner_batch_size=1024, critic_target="rewards"),
        ),
        (
            "original-exact",
            "inner and outer gradient exact",
            SampledShaping(inner_estimator="exact", outer_estimator="exact", critic_target="rewards"),
        ),
        (
            "ablation-hessian-1024",
            "inner steps from 128 games, their derivative from 1024",
            SampledShaping(hessian_estimator="dice-baseline", hessian_batch_size=1024, critic_target="rewards"),
        ),
        (
            "ablation-hessian-exact",
            "inner steps from 128 games, their derivative exact",
            SampledShaping(hessian_estimator="exact", critic_target="rewards"),
        ),
        (
            "ablation-inner-exact",
            "inner steps exact, their derivative from 128 games",
            SampledShaping(inner_estimator="exact", hessian_estimator="dice-baseline", critic_target="rewards"),
        ),
        (
            "ablation-inner-1024",
            "inner steps from 1024 games, their derivative from 128",
            SampledShaping(inner_batch_size=1024, hessian_estimator="dice-baseline", critic_target="rewards"),
        ),
        (
            "off-policy",
            "inner steps and their derivative from the last 1024 games",
            SampledShaping(inner_estimator="off-policy-dice-baseline", critic_target="rewards"),
        ),
        (
            "off-policy-inner-on-policy",
            "inner steps from 128 fresh games without baseline, their derivative from the last 1024 games",
            SampledShaping(
                inner_estimator="dice", hessian_estimator="off-policy-dice-baseline", critic_target="rewards"
            ),
        ),
        (
            "off-policy-hessian-on-policy",
            "inner steps from the last 1024 games, their derivative from 128 fresh ones without baseline",
            SampledShaping(
                inner_estimator="off-policy-dice-baseline", hessian_estimator="dice", critic_target="rewards"
            ),
        ),
        ("estimator-dice", "as the original, with a critic of returns", SampledShaping()),
        (
            "estimator-loaded-dice",
            "Loaded DiCE of advantages, with a critic of returns",
            SampledShaping(inner_estimator="loaded-dice", outer_estimator="loaded-dice", gae_lambda=0.9),
        ),
        (
            "estimator-self-normalised",
            "self-normalised DiCE, without a critic",
            SampledShaping(inner_estimator="self-normalised-dice", outer_estimator="self-normalised-dice"),
        ),
    )
)


def group_of(name: str) -> str:
    """The group that a preset of the figure belongs to."""
    return next(group for group in GROUPS if name.startswith(f"{PREFIX}-{group}"))


FIGURE = Figure(
    PREFIX,
    "LOLA-DiCE on the iterated prisoner's dilemma: whose sampling errors make its gradient wrong",
    PRESETS,
    Report("lookax.experiments.figures.gmrl_ipd:draw", "lookax.experiments.figures.gmrl_ipd:table"),
)
