"""Reinforcement learning that differentiates through learning."""

__version__ = "0.1.0"
