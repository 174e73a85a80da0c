import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lookax.evaluation.gradient_quality import correlation, gradient_quality

EXACT = np.array([1.0, -2.0, 0.5, 3.0])
SCALES = np.array([0.5, 1.0, 2.0, 0.1])
OFFSET = np.array([0.3, 0.0, -0.3, 0.6])


def noisy(offset):
    return lambda key: EXACT + offset + SCALES * jax.random.normal(key, (4,))


def quality_of(exact, sample, seed, n, **options):
    return jax.jit(lambda key: gradient_quality(exact, sample, key, n, **options))(jax.random.key(seed))


def test_statistics_are_what_their_definitions_say():
    quality = quality_of(EXACT, noisy(OFFSET), 0, 50)
    samples = np.array(jax.jit(jax.vmap(noisy(OFFSET)))(jax.random.split(jax.random.key(0), 50)))
    correlations = [np.corrcoef(sample, EXACT)[0, 1] for sample in samples]
    np.testing.assert_allclose(quality.correlation, np.mean(correlations), rtol=1e-12)
    np.testing.assert_allclose(
        quality.correlation_standard_error, np.std(correlations, ddof=1) / np.sqrt(50), rtol=1e-12
    )
    np.testing.assert_allclose(quality.variance, samples.std(axis=0, ddof=1).sum(), rtol=1e-12)
    bias = np.mean((samples.mean(axis=0) - EXACT) ** 2)
    np.testing.assert_allclose(quality.bias, bias, rtol=1e-12)
    np.testing.assert_allclose(quality.squared_bias, bias - samples.var(axis=0, ddof=1).mean() / 50, rtol=1e-12)

    def jackknife(statistic):
        left_out = [statistic(np.delete(samples, i, axis=0)) for i in range(50)]
        return np.sqrt(49 / 50 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))

    np.testing.assert_allclose(
        quality.variance_standard_error, jackknife(lambda s: s.std(axis=0, ddof=1).sum()), rtol=1e-9
    )
    np.testing.assert_allclose(
        quality.bias_standard_error, jackknife(lambda s: np.mean((s.mean(axis=0) - EXACT) ** 2)), rtol=1e-9
    )
    assert quality.inner_error.shape == (0,)


def test_standard_errors_cover_and_the_corrected_bias_is_unbiased():
    keys = jax.random.split(jax.random.key(1), 2000)
    run = jax.jit(jax.vmap(lambda key: gradient_quality(EXACT, noisy(OFFSET), key, 20)))
    quality = jax.tree.map(np.asarray, run(keys))
    true_bias = np.mean(OFFSET**2)
    true_variance = SCALES.sum()
    # Means over 2000 repetitions, within 5 standard errors.
    error = lambda values: 5 * values.std() / np.sqrt(2000)
    np.testing.assert_allclose(quality.squared_bias.mean(), true_bias, atol=error(quality.squared_bias))
    inflated = true_bias + np.mean(SCALES**2) / 20
    np.testing.assert_allclose(quality.bias.mean(), inflated, atol=error(quality.bias))
    # A sample's standard deviation is biased by 1/(4(n−1)), 1.3 % for n = 20.
    np.testing.assert_allclose(quality.variance.mean(), true_variance, rtol=0.02)
    # The jackknife's standard errors are those of the repetitions, to 15 % (it errs on the large side).
    for name in ("variance", "bias", "squared_bias", "correlation"):
        spread = getattr(quality, name).std()
        np.testing.assert_allclose(getattr(quality, f"{name}_standard_error").mean(), spread, rtol=0.15)


def test_pytrees_iterates_and_batches():
    def exact():
        return {"a": EXACT[:2], "b": EXACT[2:]}, {"x": jnp.zeros((3, 2)), "y": jnp.ones(3)}

    def sample(key):
        gradient = {"a": EXACT[:2] + jax.random.normal(key, (2,)), "b": EXACT[2:]}
        return gradient, {"x": jnp.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]]), "y": jnp.array([1.0, 1.0, 4.0])}

    whole = gradient_quality(exact(), sample, jax.random.key(2), 7, has_iterates=True)
    np.testing.assert_allclose(whole.inner_error, [2 / 3, 4 / 3, 3])
    np.testing.assert_allclose(whole.inner_error_standard_error, 0, atol=1e-15)
    pieces = gradient_quality(exact(), sample, jax.random.key(2), 7, has_iterates=True, batch_size=2)
    for mine, theirs in zip(jax.tree.leaves(pieces), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_estimates_without_iterates_in_batches_that_divide_them():
    whole, pieces = (gradient_quality(EXACT, noisy(OFFSET), jax.random.key(1), 6, batch_size=n) for n in (None, 3))
    for mine, theirs in zip(jax.tree.leaves(pieces), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_an_exact_estimate_is_perfect():
    quality = quality_of(EXACT, lambda _: EXACT, 0, 5)
    np.testing.assert_allclose(
        [quality.correlation, quality.variance, quality.bias, quality.squared_bias], [1, 0, 0, 0], atol=1e-15
    )


def test_correlation_without_spread_is_zero():
    both = jax.jit(lambda x, y: (correlation(x, y), correlation(y, x)))
    for flat in (np.zeros(4), np.ones(4), np.full(4, 0.1)):
        assert both(flat, EXACT) == (0, 0)


def test_correlation_survives_small_large_and_bad_numbers():
    with jax.enable_x64(False):
        x, y = (np.array(own, np.float32) for own in ([1.0, 2.0, 3.0], [1.0, 2.5, 2.0]))
        correlated = jax.jit(correlation)
        expected = np.corrcoef(x, y)[0, 1]
        for scale in (1e-30, 1.0, 1e30):
            own = np.float32(scale)
            np.testing.assert_allclose(correlated(own * x, y * own), expected, rtol=1e-5)
        assert np.isnan(correlated(x, np.array([np.nan, *y[1:]], np.float32)))


def test_too_few_estimates_are_refused():
    with pytest.raises(ValueError, match="n: 2 is not allowed; it must be at least 3"):
        gradient_quality(EXACT, noisy(OFFSET), jax.random.key(0), 2)
    with pytest.raises(ValueError, match="batch_size: 0 is not allowed; it must be at least 1"):
        gradient_quality(EXACT, noisy(OFFSET), jax.random.key(0), 5, batch_size=0)


def test_cosine_and_relative_bias_are_what_their_definitions_say():
    quality = quality_of(EXACT, noisy(OFFSET), 0, 50)
    samples = np.array(jax.jit(jax.vmap(noisy(OFFSET)))(jax.random.split(jax.random.key(0), 50)))
    length = np.linalg.norm(EXACT)
    cosines = samples @ EXACT / np.linalg.norm(samples, axis=1) / length
    np.testing.assert_allclose(quality.cosine, cosines.mean(), rtol=1e-12)
    np.testing.assert_allclose(quality.cosine_standard_error, cosines.std(ddof=1) / np.sqrt(50), rtol=1e-9)
    np.testing.assert_allclose(quality.relative_bias, np.linalg.norm(samples.mean(axis=0) - EXACT) / length, rtol=1e-12)
    noise = np.sqrt(samples.var(axis=0, ddof=1).sum() / 50)
    np.testing.assert_allclose(quality.relative_bias_standard_error, noise / length, rtol=1e-12)


def test_one_parameter_has_a_direction():
    right = gradient_quality(jnp.array([2.0]), lambda key: 2 + 0.1 * jax.random.normal(key, (1,)), jax.random.key(0), 9)
    np.testing.assert_allclose(right.cosine, 1)
    wrong = gradient_quality(2.0, lambda _: -1.0, jax.random.key(0), 9)
    np.testing.assert_allclose([wrong.cosine, wrong.relative_bias], [-1, 1.5])


def test_a_zero_gradient_has_no_direction():
    quality = quality_of(np.zeros(4), noisy(OFFSET), 0, 5)
    assert quality.cosine == 0
    assert np.isfinite(quality.relative_bias)


def test_what_is_printed_can_be_read():
    quality = gradient_quality(2.0, lambda _: 1.0, jax.random.key(0), 4)
    assert str(quality) == "cosine 1 ± 0, relative bias 0.5 ± 0, variance 0 ± 0"


def test_gradients_of_another_structure_are_refused():
    with pytest.raises(ValueError, match="they must be of the same structure"):
        gradient_quality({"a": EXACT}, lambda _: [EXACT], jax.random.key(0), 5)
    with pytest.raises(ValueError, match=r"estimates\['a'\] have shape \(2, 2\), and the exact gradient \(4,\)"):
        gradient_quality({"a": EXACT}, lambda _: {"a": EXACT.reshape(2, 2)}, jax.random.key(0), 5)


def test_equal_estimates_have_no_variance_however_sums_are_rounded():
    with jax.enable_x64(False):
        exact = jnp.asarray(np.random.default_rng(0).normal(size=50), jnp.float32)
        quality = gradient_quality(exact, lambda key: exact, jax.random.key(0), 11)
    assert float(quality.variance) == float(quality.bias) == 0
