"""Agents that were published as arrays: read, written, and converted from other libraries."""
