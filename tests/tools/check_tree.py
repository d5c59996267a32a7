#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check rules of the source tree that no compiler checks. Prints one line for each violation; exit 1 if there is any.

    tests/tools/check_tree.py RULE FILE...      paths relative to the root of the source

guards      a header's include guard is its path without common/, so that no two headers share a guard
directions  core/ includes only core/; media/ also core/; program/ also core/ and media/; sources/ and presenters/
            include no header of their program; producer/ and viewer/ do not include each other
circles     no module, a .c file and its header, includes itself through other modules
core        core/ names no option of a program, and uses no getopt, SDL or libpng
names       no file has the name of a folder in the same place"""
import os
import re
import sys

PUBLIC = "common/pageflip.h"
COMMON = ["common/core/", "common/media/", "common/program/", PUBLIC]
# room: what its files may include; the first room that a path begins with counts
ROOMS = {
    "common/core/": ["common/core/", PUBLIC],
    "common/media/": ["common/core/", "common/media/", PUBLIC],
    "common/program/": COMMON,
    "common/pageflip.h": [],
    "producer/sources/": ["producer/sources/", *COMMON],
    "producer/": ["producer/", *COMMON],
    "viewer/presenters/": ["viewer/presenters/", *COMMON],
    "viewer/": ["viewer/", *COMMON],
}


def text_of(path):
    with open(path, errors="replace") as file:
        return file.read()


def includes_of(path):
    """The files of the tree that `path` includes. A generated header is in no source folder and is omitted."""
    root = path.split("/")[0]
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text_of(path), re.M):
        for folder in (os.path.dirname(path), "common", root, "."):
            found = os.path.normpath(os.path.join(folder, name))
            if os.path.isfile(found):
                yield found
                break


def guards(files):
    owners = {}
    for path in filter(lambda path: path.endswith(".h"), files):
        expected = re.sub(r"\W", "_", path.removeprefix("common/")).upper()
        found = re.search(r"^#ifndef (\w+)\n#define (\w+)$", text_of(path), re.M)
        if not found or set(found.groups()) != {expected}:
            yield f"{path}: the include guard is {found[1] if found else 'missing'}, not {expected}"
        if found and owners.setdefault(found[1], path) != path:
            yield f"{path}: {owners[found[1]]} has the same include guard, {found[1]}"


def directions(files):
    for path in files:
        allowed = next((ROOMS[room] for room in ROOMS if path.startswith(room)), None)
        if allowed is None:
            continue
        for included in includes_of(path):
            if not included.startswith(tuple(allowed)):
                yield f"{path}: includes {included}"


def circles(files):
    modules = {}  # a module is a .c file and its header: the files that it includes
    for path in files:
        modules.setdefault(os.path.splitext(path)[0], set()).update(includes_of(path))
    done, stack = set(), []

    def visit(module):
        if module in stack:
            yield " -> ".join([*stack[stack.index(module):], module])
        elif module not in done:
            stack.append(module)
            for included in sorted({os.path.splitext(path)[0] for path in modules.get(module, ())} - {module}):
                yield from visit(included)
            stack.pop()
            done.add(module)

    for module in modules:
        yield from visit(module)


def core(files):
    foreign = re.compile(r"getopt|\bSDL|png\.h")
    for path in filter(lambda path: path.startswith("common/core/"), files):
        text = text_of(path)
        # In code, -- is an operator; an option is named in a comment or a string.
        words = re.findall(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', text, re.S)
        for option in re.findall(r"--[a-z][a-z-]*", "\n".join(words)):
            yield f"{path}: names the option {option}"
        for word in foreign.findall(text):
            yield f"{path}: uses {word}"


def names(files):
    for path in files:
        if os.path.isdir(os.path.splitext(path)[0]):
            yield f"{path}: a folder in the same place has the same name"


RULES = {rule.__name__: rule for rule in (guards, directions, circles, core, names)}


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in RULES:
        sys.exit(__doc__)
    violations = list(RULES[sys.argv[1]](sys.argv[2:]))
    print("\n".join(violations), end="\n" if violations else "")
    sys.exit(len(violations) > 0)


if __name__ == "__main__":
    main()
