"""What is played: matrix games, and the closed-form values of policies that play them."""
