import argparse

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--a", type=int, default=2)
PARSER.add_argument("--b", action="store_true")


def parse(words):
    return vars(PARSER.parse_args(words))
