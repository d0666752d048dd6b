"""What one process runs: its sources, the releases in it, and the way from one release to another."""
