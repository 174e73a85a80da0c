"""Games of other people: Atari and MinAtar, as environments that one agent acts in."""
