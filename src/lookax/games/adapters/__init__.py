"""Environments of others as games and environments of lookax, and games of lookax as theirs."""
