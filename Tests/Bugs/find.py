#!/usr/bin/env python3
# Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
"""Plants the deliberate bugs of a list and checks that each is found: those of bugs.txt by the scenarios or the simulator,
those of units.txt by the unit tests of their layer.

All that are wanted go into one copy of the sources, which is built once; PRODHA_BUG says which one a run has. Each is a
change of the very line that `prodha run` executes: where that line is not there any more, exactly once, this script fails.

usage: find.py [--units] [--seeds N] [--swift COMMAND] [NAME...]
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = os.path.join(ROOT, ".build-soak")
TREE = os.path.join(PLACE, "planted")
UNITS = os.path.join(PLACE, "planted-build")
MARK = re.compile(r"<<<(.*?) => (.*?)>>>")
SWITCH = """import Glibc

/// The number of the planted bug that is on.
let plantedBug = getenv("PRODHA_BUG").flatMap { Int(String(cString: $0)) } ?? 0
"""


class Bug:
    def __init__(self, number, name, meaning, file, line):
        self.number, self.name, self.meaning, self.file, self.line = number, name, meaning, file, line
        marks = MARK.findall(line)
        if len(marks) != 1:
            sys.exit(f"{name}: its line must have one <<<right => wrong>>>")
        (self.right, self.wrong), = marks
        self.original = MARK.sub(lambda _: self.right, line)

    def value(self):
        """Both ways, as a value."""
        return f"(plantedBug == {self.number} ? ({self.wrong}) : ({self.right}))"

    def planted(self):
        """The line with both ways in it."""
        before, after = self.line.split("<<<", 1)[0], self.line.rsplit(">>>", 1)[1]
        is_statement = (before.strip() == "" or before.rstrip().endswith("{")) and after.strip() in ("", "}")
        looks_like_value = re.search(r" == | != | >= | < |^leaseLength", self.right)
        if is_statement and not looks_like_value:
            return f"{before}if plantedBug == {self.number} {{ {self.wrong} }} else {{ {self.right} }}{after}"
        return f"{before}{self.value()}{after}"


def read_bugs(name):
    bugs = []
    with open(os.path.join(ROOT, "Tests/Bugs", name)) as file:
        blocks = file.read().split("\n\n")
    for block in blocks:
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if not lines:
            continue
        if len(lines) != 3 or ": " not in lines[0]:
            sys.exit(f"{name}: not a name, a file and a line:\n{block}")
        title, meaning = lines[0].split(": ", 1)
        bugs.append(Bug(len(bugs) + 1, title, meaning, lines[1], lines[2]))
    return bugs


def plant(bugs):
    """Makes the copy: links to all that stays as it is, and the changed files."""
    shutil.rmtree(TREE, ignore_errors=True)
    os.makedirs(os.path.join(TREE, "Sources"))
    os.symlink(os.path.join(ROOT, "Tests"), os.path.join(TREE, "Tests"))
    shutil.copy(os.path.join(ROOT, "Package.swift"), TREE)
    if os.path.exists(os.path.join(ROOT, "Package.resolved")):
        shutil.copy(os.path.join(ROOT, "Package.resolved"), TREE)
    changed = {bug.file.split("/")[1] for bug in bugs}
    for layer in os.listdir(os.path.join(ROOT, "Sources")):
        original, copy = os.path.join(ROOT, "Sources", layer), os.path.join(TREE, "Sources", layer)
        if layer in changed:
            shutil.copytree(original, copy)
            with open(os.path.join(copy, "PlantedBug.swift"), "w") as file:
                file.write(SWITCH)
        else:
            os.symlink(original, copy)
    places = {}
    for bug in bugs:
        path = os.path.join(TREE, bug.file)
        with open(path) as file:
            lines = file.read().split("\n")
        if (bug.file, bug.original) in places:
            # Another bug's line, too.
            at = lines.index(places[bug.file, bug.original])
            if lines[at].count(bug.right) != 1:
                sys.exit(f"{bug.name}: its part of the line is there {lines[at].count(bug.right)} times, not once")
            lines[at] = lines[at].replace(bug.right, bug.value())
        else:
            if lines.count(bug.original) != 1:
                sys.exit(f"{bug.name}: {bug.file} has its line {lines.count(bug.original)} times, not once:\n{bug.original}")
            at = lines.index(bug.original)
            lines[at] = bug.planted()
        places[bug.file, bug.original] = lines[at]
        with open(path, "w") as file:
            file.write("\n".join(lines))


def build(swift, what, place):
    command = [swift, "build", "--package-path", TREE, "--scratch-path", place] + what
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stdout.split("\n") if "error: " in line]
        sys.exit("\n".join(errors + ["the planted copy does not build"]))


def run(program, number, arguments):
    environment = dict(os.environ, PRODHA_BUG=str(number), SWIFT_BACKTRACE="enable=no")
    done = subprocess.run([program] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env=environment, timeout=3600)
    return done.returncode, done.stdout


def hunt(soak, bug, seeds):
    """By what it was found: scenarios, and the first seed with what that broke. None: it was not."""
    scenarios = []
    is_of_regions = bug.name.startswith("regions-")
    for file in [] if is_of_regions else sorted(glob.glob(os.path.join(ROOT, "Tests/Scenarios/*.txt"))):
        if run(soak, bug.number, ["play", file])[0] != 0:
            scenarios.append(os.path.basename(file)[:-4])
    seed, broken = None, ""
    # What a scenario finds need not be found by chance, too.
    seeds = min(seeds, 50) if scenarios else seeds
    code, output = run(soak, bug.number, ["run", "--seeds", str(seeds), "--threads", "1", "--quiet"]
                       + (["--regions"] if is_of_regions else []))
    if code != 0:
        found = re.search(r"^seed (\d+): ([^:]*)", output, re.M)
        trapped = re.search(r"trapped while running seed (\d+)", output)
        if found:
            seed, broken = int(found.group(1)), found.group(2)
        elif trapped:
            seed, broken = int(trapped.group(1)), "an invariant of the core"
        else:
            broken = output.strip().split("\n")[-1]
    return bug, scenarios, seed, broken


def simulate(bugs, options):
    """The names of those that were not found."""
    # Where the simulator itself is built, so that what it uses is built already; the next build of it makes its own anew.
    build(options.swift, ["-c", "release", "--product", "soak"], PLACE)
    soak = shutil.copy(os.path.join(PLACE, "release/soak"), os.path.join(TREE, "soak"))
    for kind in [], ["--regions"]:
        code, output = run(soak, 0, ["run", "--seeds", "20", "--threads", "2"] + kind)
        if code != 0:
            sys.exit(output + "\nthe planted copy fails with no bug switched on")
    missed = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for bug, scenarios, seed, broken in pool.map(lambda bug: hunt(soak, bug, options.seeds), bugs):
            by_seed = f"seed {seed}: {broken}" if seed else "no seed"
            print(f"{bug.name:34} {by_seed:44} {', '.join(scenarios) or 'no scenario'}", flush=True)
            if not seed and not scenarios:
                missed.append(bug)
    return missed


def test(bugs, options):
    """The same, by unit tests; what they need of a real nodeos is left to others."""
    build(options.swift, ["--build-tests"], UNITS)
    arguments = ["test", "--skip-build", "--package-path", TREE, "--scratch-path", UNITS, "--no-parallel",
                 "--skip", "NodeosAcceptance|P2PNodeos", "--filter"]
    layers = sorted({bug.file.split("/")[1] for bug in bugs} | {"ProducerHA"})
    code, output = run(options.swift, 0, arguments + ["^(" + "|".join(layers) + ")Tests[.]"])
    if code != 0:
        sys.exit(output + "\nthe planted copy fails with no bug switched on")
    missed = []
    for bug in bugs:
        layer = bug.file.split("/")[1]
        tests = [f"^{layer}Tests[.]"]
        if layer == "Raft":
            tests = ["^(Raft|ProducerHA)Tests[.]"]
        if layer == "Gate":
            # The simulation of nodeos's control takes its time.
            tests = [r"^GateTests[.](?!NodeosControl)", r"^GateTests[.]NodeosControl"]
        for tests in reversed(tests) if "Control" in bug.file else tests:
            code, output = run(options.swift, bug.number, arguments + [tests])
            if code != 0:
                break
        tests = re.findall(r"^\S+ Test (\w+)\(.*\).* failed after", output, re.M)
        if code != 0 and not tests:
            tests = [(output.strip().split("\n") or ["?"])[-1]]
        print(f"{bug.name:34} {', '.join(tests) or 'no test'}", flush=True)
        if not tests:
            missed.append(bug)
    return missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", action="store_true", help="those of units.txt")
    parser.add_argument("--seeds", type=int, default=2000, help="how many the simulator may take for each")
    parser.add_argument("--swift", default="swift")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    bugs = read_bugs("units.txt" if options.units else "bugs.txt")
    wanted = [bug for bug in bugs if not options.names or bug.name in options.names]
    plant(wanted)
    missed = (test if options.units else simulate)(wanted, options)
    for bug in missed:
        print(f"not found: {bug.name} ({bug.meaning})")
    print(f"{len(wanted) - len(missed)} passed, {len(missed)} failed")
    sys.exit(1 if missed else 0)


main()
