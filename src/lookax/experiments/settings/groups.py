"""Which fields of settings belong together, for those who read them."""

GROUPS: dict[str, tuple[str, ...]] = {
    "run": (
        "total_updates", "seeds", "first_seed", "evaluation_games", "evaluation_horizon", "metrics", "estimates",
        "correlations",
    ),
    "game": (
        "game", "payoffs", "console", "contribution_factor", "num_players", "scaled", "memory_length", "start",
        "grid_size", "own_coin_reward", "other_coin_reward", "other_coin_cost", "shared_coins", "view",
        "sticky_actions", "max_frames", "num_states", "num_actions", "concentration", "num_tasks", "shared_rewards",
        "discount", "horizon",
    ),
    "play": (
        "batch_size", "steps", "games_at_once", "tremble_probability", "defector_fraction", "tit_for_tat_fraction",
        "self_play", "earlier_selves", "earlier_every", "earlier_number", "earlier_fraction",
    ),
    "agents": (
        "policy", "standard_deviation", "hidden_sizes", "activation", "initial_policies", "recurrent_unit",
        "hidden_size", "num_layers", "shared_encoder", "initialiser",
    ),
    "opponent": (
        "opponent", "opponent_model", "model", "model_learning_rate", "model_critic_learning_rate", "model_batches",
        "model_steps", "model_tolerance", "max_model_steps",
    ),
    "lookahead": (
        "inner_learning_rate", "inner_steps", "inner_optimiser", "inner_critic_learning_rate", "inner_beta",
        "inner_tolerance", "taylor", "adjoint", "inner_estimator", "inner_batch_size", "inner_trajectories",
        "hessian_estimator", "hessian_batch_size", "hessian_trajectories", "hessian_error", "hessian_error_noise",
        "buffer_size", "ratio_ceiling", "self_normalised", "surrogate", "stop_values", "restart",
    ),
    "shaping": (
        "learner", "weight", "decay", "temperature", "stop_normaliser", "present_reward", "clip", "normalised",
    ),
    "outer step": (
        "learning_rate", "optimiser", "keep_optimisers", "linear_decay", "max_gradient_norm", "outer_learning_rate",
        "outer_optimiser", "outer_steps", "epochs", "outer_beta", "tolerance", "max_outer_steps", "divergence_weights",
        "reversed_divergence", "outer_estimator", "outer_batch_size", "outer_trajectories", "meta",
        "meta_learning_rate", "outer_discount", "outer_gae_lambda", "outer_value_coefficient",
        "outer_entropy_coefficient", "outer_kl_coefficient", "bootstrap_step_size",
    ),
    "critic and advantages": (
        "baseline", "gae_lambda", "dice_decay", "value_noise", "critic_target", "critic_learning_rate",
        "critic_after_loop", "critic_discount_constant", "critic_lambda", "value_coefficient", "value_scale",
        "entropy_coefficient",
    ),
    "recording": (
        "checkpoint_minutes", "checkpoint_updates", "keep_last", "keep_every", "trackers", "project", "out",
    ),
    "several processes": ("distributed", "coordinator", "num_processes", "process_id"),
}  # fmt: skip
"""Names of fields by group, those first that most people look for."""

OTHER = "other"
"""The group of fields that none of these names, such as those of other packages."""


def group_of(field: str) -> str:
    """The group of a field."""
    return next((group for group, fields in GROUPS.items() if field in fields), OTHER)
