"""Rollouts that judge themselves: strategies, analysis of new against old, and the way back.

`strategy` says how a release goes in, `states` and `steps` what happens next (pure), `judge` whether the new
version is worse (pure), `checks`, `gates` and `events` speak to the world outside.
"""
