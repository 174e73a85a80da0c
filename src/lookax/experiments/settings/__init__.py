"""Settings of experiments: data alone, which nothing needs JAX for."""
