"""The home folder: the bus, the history, and what each worker says of itself; reading and writing of it."""
