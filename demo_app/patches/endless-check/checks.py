"""Waits for something that never comes."""


def check_for_ever():
    waited = 0
    while waited >= 0:
        waited += 1
