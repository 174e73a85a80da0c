"""The documentation's site: what is added to Zensical, and the command that builds it."""
