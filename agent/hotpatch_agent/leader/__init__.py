"""The leader's part, in whichever worker holds the lock: look, decide, carry out."""
