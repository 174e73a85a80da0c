"""Differentiable learning steps."""
