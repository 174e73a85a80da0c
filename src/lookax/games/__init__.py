"""What is played: matrix games with the closed-form values of policies that play them, coin games, tabular MDPs."""
