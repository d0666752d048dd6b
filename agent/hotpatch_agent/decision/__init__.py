"""What the service does next: state, observations and rules, all pure."""
