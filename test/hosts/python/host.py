#!/usr/bin/env python3
"""Runs engine.wasm over captures and conformance vectors."""

import argparse
import sys

from replay import replay
from sluicegate import HostError
from vectors import vectors

_MAX_ROUNDS = 1000


def main(args):
    parser = argparse.ArgumentParser(prog="host.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("vectors", help="run conformance vectors")
    runs.add_argument("paths", nargs="+", metavar="DIR_OR_FILE")
    replays = commands.add_parser("replay", help="send a capture through the gateways of a policy")
    replays.add_argument("--policy", required=True, metavar="policy.bin")
    replays.add_argument("--about", required=True, metavar="policy.json")
    replays.add_argument("--rounds", type=int, default=1, metavar="N")
    replays.add_argument("capture", metavar="CAPTURE")
    replays.add_argument("out", metavar="OUT")
    for command in (runs, replays):
        command.add_argument("--engine", default="engine.wasm", metavar="engine.wasm")
    options = parser.parse_args(args)
    if options.command == "vectors":
        return vectors(options)
    if not 1 <= options.rounds <= _MAX_ROUNDS:
        raise HostError(f"--rounds is {options.rounds}, expected 1 to {_MAX_ROUNDS}")
    return replay(options)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HostError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
