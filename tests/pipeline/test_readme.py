# SPDX-License-Identifier: MIT
"""The README is right: its programs compile and work, and it names every option, exit code and presenter of --help."""
import os
import re

from harness import *

README = open(os.path.join(os.environ["PAGEFLIP_SOURCE"], "README.md")).read()


@test
def the_smallest_programs_compile_and_find_each_other(t):
    producer, viewer = re.findall(r"```c\n(.*?)```", README, re.S)
    library = os.environ["PAGEFLIP_LIBRARY"]
    common = os.path.join(os.environ["PAGEFLIP_SOURCE"], "common")
    for name, text in (("producer", producer), ("viewer", viewer)):
        with open(f"{t.path}/{name}.c", "w") as file:
            file.write(text)
        sanitize = ["-fsanitize=address,undefined"] if SANITIZED else []
        compiler = t.start("cc", "-Wall", "-Wextra", "-Werror", f"{name}.c", "-o", name, f"-I{common}",
                           library, f"-Wl,-rpath,{os.path.dirname(library)}", *sanitize)
        compiler.ends_with(0)
    seen = t.start("./viewer")
    t.start("./producer").ends_with(0)
    seen.ends_with(0)
    lines = seen.out.splitlines()
    assert lines, "the viewer got no frame"
    for line in lines:
        number, blue = map(int, re.fullmatch(r"frame (\d+): blue is (\d+)", line).groups())
        equal(blue, (number - 1) % 256, line)
    equal(number, 1000, "the last frame")


@test
def every_option_is_in_the_readme_and_none_that_is_not(t):
    for program, heading in ((PRODUCER, "## pageflip-producer"), (VIEWER, "## pageflip-viewer")):
        section = README.split(heading)[1].split("\n## ")[0]
        table = "\n".join(line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `-"))
        in_readme = set(re.findall(r"(--[a-z-]+)", table))
        in_help = set(re.findall(r"(--[a-z-]+)", t.run(program, "--help").decode().split("\nSources")[0].split("\nPresenters")[0]))
        equal(in_readme, in_help, program)


@test
def patterns_and_presenters_are_in_the_readme(t):
    patterns = t.run(PRODUCER, "--help").decode().split("Patterns:\n")[1].split("\n\n")[0]
    presenters = t.run(VIEWER, "--help").decode().split("Presenters:\n")[1].split("\n\n")[0]
    names = [line.split()[0] for line in (patterns + "\n" + presenters).splitlines()]
    assert len(names) >= 8, names
    for name in names:
        contains(README, f"`{name}`")


@test
def exit_codes_are_those_of_the_header(t):
    header = open(os.path.join(os.environ["PAGEFLIP_SOURCE"], "common", "program", "exit_code.h")).read()
    codes = {int(code) for code in re.findall(r"EXIT_\w+ = (\d+)", header)} - {128}
    table = README.split("## Exit codes")[1].split("\n## ")[0]
    equal({int(code) for code in re.findall(r"\| (\d+) \|", table)}, codes)


if __name__ == "__main__":
    main()
