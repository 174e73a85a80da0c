"""Policy gradients of agents with a memory in games with others: PPO, and those that shape what others learn."""
