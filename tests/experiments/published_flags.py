"""Which flag of a published script sets which field of a preset.

Where a field has no flag, it is the number that the published code has written into it. A new field of some settings
has to be entered here before any preset passes `test_published_numbers.py`.
"""

from argparse import Namespace
from typing import Any

import numpy as np

Fields = dict[str, Any]
"""Values by field; those of nested settings by `field.name`, and `field` itself is the name of their class."""


def weight(beta: float) -> float | None:
    """Of a proximal term; zero is no term."""
    return beta or None


REPEATED_GAME: Fields = {
    "num_players": 2, "contribution_factor": 1.33, "scaled": False, "memory_length": 1, "start": "separate",
    "hidden_sizes": [16], "activation": "tanh", "initialiser": "pytorch", "initial_policies": None, "first_seed": 0,
    "payoffs": None, "metrics": [],
}  # fmt: skip


def lola_exact(flags: Namespace) -> Fields:
    [players] = flags.n_agents_list
    network = None if flags.custom_param == "random" else {"1": 1, "4": 2}[flags.custom_param]
    own = {
        "settings": "ExactShaping",
        "game": "contribution",
        "num_players": players,
        "contribution_factor": flags.base_cf_no_scale,
        "memory_length": flags.history_len,
        "start": ["all-defect", "all-cooperate", "separate"][flags.init_state_representation],
        "discount": flags.gamma,
        "horizon": flags.rollout_len if flags.exact_finite_horizon else None,
        "policy": ("preconditioned-" if flags.ill_condition else "") + ("mlp" if flags.using_nn else "tabular"),
        "standard_deviation": flags.std,
        "hidden_sizes": [flags.nn_hidden_size] * (1 + flags.nn_extra_hidden_layers),
        "activation": flags.nonlinearity,
        "initial_policies": network and f"lookax:pola_figure1_network{network}.json",
        "total_updates": flags.num_epochs,
        "seeds": flags.repeats,
        "algorithm.learning_rate": flags.lr_policies_outer,
        "algorithm.optimiser": flags.optim,
        "algorithm.lookahead": "GradientSteps",
        "algorithm.lookahead.inner_learning_rate": flags.lr_policies_inner,
        "algorithm.lookahead.inner_steps": flags.inner_steps,
        # Opponents' steps are plain ones in the code.
        "algorithm.lookahead.inner_optimiser": "sgd",
        "algorithm.lookahead.inner_beta": weight(flags.inner_beta),
        "algorithm.lookahead.adjoint": "reverse",
        "algorithm.opponent_modelling": None,
    }
    assert not flags.inner_exact_prox
    if flags.outer_exact_prox or flags.inner_beta:
        own |= {
            "algorithm": "POLASettings",
            "algorithm.outer_beta": weight(flags.outer_beta),
            "algorithm.outer_steps": None if flags.outer_exact_prox else flags.outer_steps,
            "algorithm.tolerance": flags.prox_threshold,
            "algorithm.max_outer_steps": flags.prox_outer_max_iters,
            "algorithm.divergence_weights": "visitation" if flags.visitation_weighted_kl else "uniform",
        }
    else:
        assert (flags.outer_steps, flags.outer_beta) == (1, 0)
        taylor = flags.taylor_with_actual_update or not flags.actual_update
        own |= {"algorithm": "LOLASettings", "algorithm.taylor": taylor}
    if flags.opp_model:
        assert flags.om_exact
        model = ("preconditioned-" if flags.om_precond else "") + ("mlp" if flags.om_using_nn else "tabular")
        own |= {
            "algorithm.opponent_modelling": "OpponentModellingSettings",
            "algorithm.opponent_modelling.model": model,
            "algorithm.opponent_modelling.model_learning_rate": flags.om_lr_p,
            "algorithm.opponent_modelling.model_tolerance": flags.om_threshold,
            # om_max_iters in the code.
            "algorithm.opponent_modelling.max_model_steps": 10_000,
        }
    return REPEATED_GAME | own


def pola_dice(flags: Namespace) -> Fields:
    # Models are fitted by the agents' own optimisers; without them their numbers are not used.
    modelling = {
        "model_batches": 200,
        "model_steps": 1,
        "model_learning_rate": 0.003,
        "model_critic_learning_rate": 5e-4,
    }
    if flags.opp_model:
        modelling["model_batches"] = flags.opp_model_data_batches
        modelling["model_steps"] = flags.opp_model_steps_per_batch
        modelling["model_learning_rate"] = flags.lr_out
        modelling["model_critic_learning_rate"] = flags.lr_v
    return {
        "settings": "RecurrentShaping",
        "game": {"ipd": "contribution", "coin": "coin"}[flags.env],
        "num_players": 2,
        "contribution_factor": flags.contrib_factor,
        "start": "all-cooperate" if flags.init_state_coop else "separate",
        "grid_size": flags.grid_size,
        "own_coin_reward": flags.same_coin_reward,
        "other_coin_reward": flags.diff_coin_reward,
        "other_coin_cost": flags.diff_coin_cost,
        "shared_coins": flags.split_coins,
        "view": None,
        "discount": flags.gamma,
        "horizon": flags.rollout_len,
        "batch_size": flags.batch_size,
        "games_at_once": None,
        "outer_steps": flags.outer_steps,
        "inner_steps": flags.inner_steps,
        "learning_rate": flags.lr_out,
        "critic_learning_rate": flags.lr_v,
        "optimiser": flags.optim,
        # Every update makes new train states.
        "keep_optimisers": False,
        "linear_decay": False,
        "inner_learning_rate": flags.lr_in,
        "inner_critic_learning_rate": flags.lr_v,
        "outer_beta": weight(flags.outer_beta),
        "inner_beta": weight(flags.inner_beta),
        "reversed_divergence": flags.rev_kl,
        "baseline": "none" if flags.no_baseline else "zero" if flags.zero_vals else "critic",
        "gae_lambda": flags.gae_lambda,
        "dice_decay": 1.0,
        "critic_after_loop": flags.val_update_after_loop,
        "tremble_probability": None,
        "defector_fraction": None,
        "adjoint": "forward-over-reverse",
        "opponent": "itself",
        "opponent_model": flags.opp_model,
        **modelling,
        "recurrent_unit": "none" if flags.hist_one else "gru",
        "hidden_size": flags.hidden_size,
        "num_layers": flags.layers_before_gru,
        "shared_encoder": False,
        # Flax's own.
        "initialiser": "lecun",
        # The code plays as many as it learns from; scores' errors of 500 are small enough.
        "evaluation_games": 500,
        "evaluation_horizon": None,
        "payoffs": None,
        "policy": None,
        "metrics": [],
        "total_updates": flags.n_update,
        # "Change the --seed parameter for different seeds."
        "seeds": 10,
        "first_seed": 0,
    }


def lola_dice(flags: Namespace, inner: str, hessian: str, outer: str) -> Fields:
    return REPEATED_GAME | {
        "settings": "SampledShaping",
        "game": "prisoners-dilemma",
        "discount": flags.gamma,
        "policy": "tabular",
        # Logits are zeros at first.
        "standard_deviation": 0.0,
        "total_updates": flags.n_update,
        # for seed in range(10).
        "seeds": 10,
        "inner_estimator": inner,
        "hessian_estimator": hessian,
        "outer_estimator": outer,
        "inner_batch_size": flags.inner_batch_size,
        "hessian_batch_size": flags.hessian_batch_size,
        "outer_batch_size": flags.outer_batch_size,
        "horizon": flags.len_rollout,
        "inner_learning_rate": flags.lr_in,
        "inner_steps": flags.inner_step,
        "learning_rate": flags.lr_out,
        "optimiser": "adam",
        # Values regress the immediate reward.
        "critic_target": "rewards",
        "critic_learning_rate": flags.lr_v,
        "gae_lambda": 1.0,
        "buffer_size": flags.buffer_size,
        # Ratios are not clipped.
        "ratio_ceiling": None,
        "self_normalised": False,
        "adjoint": "forward-over-reverse",
        "correlations": True,
    }


def sampled(without_baseline: bool) -> str:
    return "dice" if without_baseline else "dice-baseline"


def lola_dice_original(flags: Namespace) -> Fields:
    inner = "exact" if flags.inner_exact else sampled(flags.no_inner_baseline)
    return lola_dice(flags, inner, "same", "exact" if flags.outer_exact else sampled(flags.no_outer_baseline))


def lola_dice_ablation(flags: Namespace) -> Fields:
    inner, hessian = (
        "exact" if exact else sampled(flags.no_inner_baseline) for exact in (flags.comp_exact, flags.hessian_exact)
    )
    own = lola_dice(flags, inner, hessian, sampled(flags.no_outer_baseline))
    return own | {"inner_batch_size": flags.comp_batch_size}


def lola_dice_off_policy(flags: Namespace) -> Fields:
    return lola_dice(flags, "off-policy-dice-baseline", "same", "dice-baseline")


def lola_dice_off_policy_ablation(flags: Namespace) -> Fields:
    # Parts put back on-policy have no baseline: use_baseline=False in the code.
    inner, hessian = (
        "dice" if on_policy else "off-policy-dice-baseline"
        for on_policy in (flags.comp_on_policy, flags.hessian_on_policy)
    )
    return lola_dice(flags, inner, hessian, "dice-baseline")


ESTIMATORS = {"exact": "exact", "dice": "dice", "lvc": "lvc", "loaded": "loaded-dice", "maml": "score-function"}


def meta_learning(flags: Namespace) -> Fields:
    own: Fields = {
        "inner_learning_rate": flags.lr,
        "inner_steps": flags.step_num,
        "horizon": flags.T,
        "discount": flags.gamma,
        "num_states": flags.ns,
        "num_actions": flags.na,
        "concentration": flags.density,
        "adjoint": "forward-over-reverse",
        "seeds": flags.independent_trials,
        "first_seed": 0,
        "estimates": flags.same_trials,
    }
    for part in ("inner", "hessian", "outer"):
        estimator = getattr(flags, f"{part}_est")
        own[f"{part}_estimator"] = ESTIMATORS[estimator]
        if estimator != "exact":
            own[f"{part}_trajectories"] = getattr(flags, f"{part}_traj")
    return own


def decompose(flags: Namespace) -> Fields:
    # Advantages are returns of T steps, bootstrapped, less values: λ is 1.
    own = {"settings": "MAMLGradient", "gae_lambda": 1.0, "value_noise": flags.noise}
    return meta_learning(flags) | own | {"hessian_error": None, "hessian_error_noise": 0.3}


def decompose_hess_theory(flags: Namespace) -> Fields:
    # 0.3 * randn in the code.
    return decompose(flags) | {"hessian_error": flags.hessian_error_coef, "hessian_error_noise": 0.3}


def decompose_mg(flags: Namespace) -> Fields:
    own = {"settings": "LIRPGGradient", "gae_lambda": flags.gae_lambda, "value_noise": flags.noise_level}
    return meta_learning(flags) | own | {"stop_values": flags.detach_value_gradient}


def sigmoid(logit: float) -> float:
    return round(1 / (1 + np.exp(-logit)), 6)


def a2c(flags: Namespace) -> Fields:
    assert flags.use_gae
    assert flags.outer_policy_coef == 1
    updates = flags.num_env_steps // flags.num_steps // flags.num_processes
    return {
        "settings": "ActorCriticLearning",
        "console": "atari",
        "game": flags.env_name.removesuffix("NoFrameskip-v4").lower(),
        # Version 4 has none.
        "sticky_actions": False,
        "metrics": [],
        # Those of gym's registration of NoFrameskip-v4.
        "max_frames": None,
        "batch_size": flags.num_processes,
        "steps": flags.num_steps,
        "meta": False,
        # From here to `adjoint` not used by A2C, which has what MGRL has.
        "inner_steps": 3,
        "surrogate": "score-function",
        "critic_discount_constant": True,
        "meta_learning_rate": 0.001,
        "outer_discount": 0.99,
        "outer_gae_lambda": 0.95,
        "outer_value_coefficient": 0.0,
        "outer_entropy_coefficient": 0.0,
        "outer_kl_coefficient": 0.0,
        "bootstrap_step_size": None,
        "adjoint": "forward-over-reverse",
        "discount": flags.gamma,
        "gae_lambda": flags.gae_lambda,
        "value_coefficient": flags.value_loss_coef,
        "entropy_coefficient": flags.entropy_coef,
        "learning_rate": flags.lr,
        "linear_decay": flags.use_linear_lr_decay,
        "max_gradient_norm": flags.max_grad_norm,
        "total_updates": updates,
        # --seed is one run's.
        "seeds": 1,
        "first_seed": flags.seed,
    }


def mgrl(flags: Namespace) -> Fields:
    assert flags.algo == "a2c_meta"
    fields = a2c(flags)
    return fields | {
        "meta": True,
        "inner_steps": flags.meta_update,
        "surrogate": "lvc" if flags.lvc else "score-function",
        "critic_discount_constant": not flags.no_detach_gamma,
        "meta_learning_rate": flags.meta_lr,
        # Windows are judged with the numbers that A2C learns with.
        "outer_discount": flags.gamma,
        "outer_gae_lambda": flags.gae_lambda,
        "outer_value_coefficient": flags.outer_critic_coef,
        "outer_entropy_coefficient": flags.outer_entropy_coef,
        "outer_kl_coefficient": flags.outer_kl_coef,
        # Logits in the code; the flags of these four are not read. Presets have six digits.
        "discount": sigmoid(4.6),
        "gae_lambda": sigmoid(2.944),
        "value_coefficient": sigmoid(0.0),
        "entropy_coefficient": sigmoid(-4.6),
        # Windows.
        "total_updates": fields["total_updates"] // flags.meta_update,
    }


SCRIPTS = {
    "LOLA_exact.py": lola_exact,
    "POLA_dice_jax.py": pola_dice,
    "lola_dice_original.py": lola_dice_original,
    "lola_dice_ablation.py": lola_dice_ablation,
    "lola_dice_off_policy.py": lola_dice_off_policy,
    "lola_dice_off_policy_ablation.py": lola_dice_off_policy_ablation,
    "decompose.py": decompose,
    "decompose_comp_theory.py": decompose,
    "decompose_hess_theory.py": decompose_hess_theory,
    "decompose_mg.py": decompose_mg,
    "main_baseline.py": a2c,
    "main_meta_condition_kl.py": mgrl,
}
