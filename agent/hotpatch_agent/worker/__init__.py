"""One worker's agent, from the fork to the last request."""
