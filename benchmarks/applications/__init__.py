"""Real applications from the package index, patched live from one release to the next, under requests."""
