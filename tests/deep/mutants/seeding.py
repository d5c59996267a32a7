# SPDX-License-Identifier: MIT
"""Apply an entry of a table to source files. An entry contains a function, a statement that occurs in it exactly once, and
its replacement; or several such triples. "file.c:function" also selects the file, "file.c:" means the whole file."""
import os
import re


class NoMatch(Exception):
    pass


def pattern_of(statement):
    """Matches the same tokens with any white space, comments and fault points between them."""
    tokens = re.findall(r'\w+|"(?:[^"\\]|\\.)*"|\S', statement)
    between = r"(?:\s|/\*(?:[^*]|\*(?!/))*\*/|FAULT_POINT\(\w+\);)*"
    edges = [r"\b" if re.match(r"\w", token) else "" for token in (tokens[0], tokens[-1])]
    return re.compile(edges[0] + between.join(map(re.escape, tokens)) + edges[1])


# A definition begins in the first column, and its body ends there.
DEFINITION = re.compile(r"^\w[^;{}()]*\b(\w+)\([^;{}]*\)\n{\n.*?^}$", re.M | re.S)


class Sources(dict):
    """{path: text}"""

    def __init__(self, texts):
        super().__init__(texts)
        self.functions = {}  # name: [(path, start, end)]
        for path, text in texts.items():
            for found in DEFINITION.finditer(text):
                self.functions.setdefault(found[1], []).append((path, found.start(), found.end()))

    def places_of(self, where):
        """(path, start, end) of each function of this name, or of the file."""
        name, _, function = where.rpartition(":")
        places = self.functions.get(function, []) if function else [(path, 0, len(text)) for path, text in self.items()]
        return [place for place in places if not name or f"/{place[0]}".endswith(f"/{name}")]


def elsewhere(files, pattern):
    """The first places where the statement is, as a hint: the file and the line."""
    places = [f"{path}:{text.count(chr(10), 0, found.start()) + 1}" for path, text in files.items()
              for found in pattern.finditer(text)]
    return ", ".join(places[:5]) or "no place"


def seed(files, mutant):
    """`files`: Sources. Returns {path: its changed text}, for the files that this mutant changes."""
    replacements = mutant[3:]
    changes = []
    for where, old, new in zip(replacements[::3], replacements[1::3], replacements[2::3]):
        pattern = pattern_of(old)
        functions = files.places_of(where)
        places = [(path, found.start(), found.end(), new) for path, start, end in functions
                  for found in pattern.finditer(files[path], start, end)]
        if len(places) != 1:
            raise NoMatch(f"{mutant[0]}: {len(places)} matches, not 1, in {where} ({len(functions)} of this name): {old}\n"
                          f"It is at: {elsewhere(files, pattern)}. Update the table.")
        changes += places
    texts = {}
    for path, start, end, new in sorted(changes, reverse=True):  # backwards, so that the positions stay right
        text = texts.get(path, files[path])
        texts[path] = text[:start] + new + text[end:]
    return texts


def read_sources(root, *folders):
    """Sources: all C files in these folders, by their paths below root."""
    paths = [os.path.join(place, name) for folder in folders for place, _, names in os.walk(f"{root}/{folder}")
             for name in names if name.endswith((".c", ".h"))]
    return Sources({os.path.relpath(path, root): open(path).read() for path in sorted(paths)})
