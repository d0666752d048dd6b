import argparse

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--a", type=int, default=1)


def parse(words):
    return vars(PARSER.parse_args(words))
