"""Reports of single runs, by what is studied."""

from lookax.experiments.preset import Report

EXACT = Report(
    "lookax.experiments.reports.exact:draw_run",
    "lookax.experiments.reports.exact:tit_for_tat_table",
    ("returns", "tit_for_tat"),
    "lookax.experiments.reports.exact:cooperation_map",
)
"""Of learners with exact values: returns, cooperation in every state, tit-for-tat."""

SAMPLED = Report(
    "lookax.experiments.reports.sampled:draw_run",
    "lookax.experiments.reports.sampled:shaping_table",
    ("score", "correlation"),
    "lookax.experiments.reports.exact:cooperation_map",
)
"""Of LOLA-DiCE: scores, correlations with exact gradients, cooperation in every state."""

RECURRENT = Report(
    "lookax.experiments.reports.recurrent:draw_run",
    "lookax.experiments.reports.recurrent:score_table",
    ("score", "against_always_defect", "own_coin_share"),
    "lookax.experiments.reports.recurrent:coin_maps",
)
"""Of recurrent agents: scores with each other and against fixed strategies, and coins."""

GRADIENTS = Report(
    "lookax.experiments.reports.gradients:draw_run",
    "lookax.experiments.reports.gradients:quality_table",
    ("correlation", "variance"),
)
"""Of estimated meta-gradients: correlation, variance and bias."""

ACTOR_CRITICS = Report(
    "lookax.experiments.reports.actor_critics:draw",
    "lookax.experiments.reports.actor_critics:table",
    ("score", "entropy", "discount"),
)
"""Of actor-critics: scores, entropy and hyperparameters."""
