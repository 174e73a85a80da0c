"""Reinforcement learning that differentiates through learning."""

__version__ = "0.2.0"
