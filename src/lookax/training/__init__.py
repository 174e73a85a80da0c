"""Learners in one line each, checks of learners, and updates in a row: what people use from Python."""
