"""The part of scripts/bench that measures the service; scripts/bench --help has what it does."""
import argparse
import json
import sys

import counts
import parts
import passing
import peers
import rounds
from loads import COMMON, LOADS, Load
from process import Failure, run_program


def chosen(names, known):
    for name in names:
        if name not in known:
            raise Failure(f"there is no '{name}'; there are {', '.join(known)}")
    return names


def compare(options):
    names = options.loads or list(LOADS)
    chosen([name for name in names if not name.startswith("/")], LOADS)
    loads = [LOADS.get(name) or Load(name, name) for name in names]
    services = []
    for label, side in zip("AB", options.binaries):
        if side.endswith((".yaml", ".yml")):
            services.append(rounds.gatherd(label, options.program, side))
        else:
            services.append(rounds.gatherd(label, side))
    cells = rounds.measure(services, loads, options.rounds, options.seconds)
    if len(services) == 1:
        rounds.print_alone(*services, loads, cells)
    else:
        rounds.print_pair(*services, loads, cells)


def measure_peers(options):
    loads = [LOADS[name] for name in chosen(options.loads or COMMON, COMMON)]
    services = peers.services(options.folder, options.binaries[0])
    services = [services[name] for name in options.only]
    cells = rounds.measure(services, loads, options.rounds, options.seconds)
    rounds.print_peers(services, loads, cells)


def count(options):
    names = chosen(options.loads or list(counts.COUNTED), counts.COUNTED)
    baseline = json.loads(counts.BASELINE.read_text())
    result = counts.count(options.binaries[0], names)
    good = counts.compare(result, baseline) and all(name in result for name in names if name in baseline["counts"])
    here = counts.toolchain()
    if options.update:
        updated = {"toolchain": here, "counts": {**baseline["counts"], **result}}
        counts.BASELINE.write_text(json.dumps(updated, indent=2) + "\n")
        return 0
    if here != baseline["toolchain"]:
        print(f"\nThe baseline was counted with {baseline['toolchain']}; this is {here}.")
    if good:
        return 0
    print("\n! is above the baseline in scripts/lib/bench/counts.json. If the change is worth it, say why in its commit,\n"
          "and take the new figures over with scripts/bench counts --update.")
    return 1 if options.check else 0


def profile(options):
    for name in chosen(options.loads or ["gather8"], counts.COUNTED):
        parts.print_parts(counts.profile(options.binaries[0], name))


def measure_passing(options):
    passing.print_figures(passing.measure(options.binaries[0], options.rounds, options.mib))


def main():
    def names(text):
        return text.split(",")

    parser = argparse.ArgumentParser(prog="bench")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("compare", compare), ("peers", measure_peers), ("counts", count),
                      ("profile", profile), ("proxy", measure_passing)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--loads", type=names)
        if name in ("compare", "peers", "proxy"):
            command.add_argument("--rounds", type=int, default=3)
        if name in ("compare", "peers"):
            command.add_argument("--seconds", type=int, default=3)
        if name == "compare":
            command.add_argument("--program")
        if name == "peers":
            command.add_argument("--only", type=names, required=True)
            command.add_argument("--folder", required=True)
        if name == "proxy":
            command.add_argument("--mib", type=int, default=200)
        if name == "counts":
            command.add_argument("--check", action="store_true")
            command.add_argument("--update", action="store_true")
        command.add_argument("binaries", nargs="+")
    return run_program(parser, lambda options: options.run(options))


sys.exit(main())
