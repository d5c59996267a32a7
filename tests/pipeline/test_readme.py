# SPDX-License-Identifier: MIT
"""The documents match the programs: the programs in README.md compile and work, its links lead to files, and the man pages name
every option, source, pattern, presenter, exit code, and field of a report."""
import os
import re
import signal

from harness import *
from witness import Witness, soon, wait_stopped

SOURCE = os.environ["PAGEFLIP_SOURCE"]


def document(*path):
    return open(os.path.join(SOURCE, *path)).read()


README = document("README.md")
MANUALS = ((PRODUCER, document("producer", "pageflip-producer.1.scd")),
           (VIEWER, document("viewer", "pageflip-viewer.1.scd")))


def section(manual, name):
    return re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", manual, re.M | re.S)[1]


def terms(text):
    """The bold words of each line with an indented text below, which describes them."""
    return {word for line in re.findall(r"^(\*.*)\n\t", text, re.M) for word in re.findall(r"\*(.+?)\*", line)}


STOP_BEFORE_THE_FIRST_FRAME = """
#include <pageflip.h>
#include <signal.h>

int __real_pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame);
int __wrap_pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame);

int __wrap_pf_producer_begin(struct pf_producer *producer, int64_t timeout_ns, struct pf_frame *frame)
{
    static bool has_stopped;

    if (!has_stopped)
        raise(SIGSTOP);
    has_stopped = true;
    return __real_pf_producer_begin(producer, timeout_ns, frame);
}
"""


@test
def the_smallest_programs_compile_and_find_each_other(t):
    """The producer stops before its first frame until the viewer has joined: its 1000 frames take a moment only."""
    producer, viewer = re.findall(r"```c\n(.*?)```", README, re.S)
    library = os.environ["PAGEFLIP_LIBRARY"]
    for name, text in (("producer", producer), ("viewer", viewer), ("stop", STOP_BEFORE_THE_FIRST_FRAME)):
        with open(f"{t.path}/{name}.c", "w") as file:
            file.write(text)
    for name, more in (("producer", ["stop.c", "-Wl,--wrap=pf_producer_begin"]), ("viewer", [])):
        sanitize = ["-fsanitize=address,undefined"] if SANITIZED else []
        compiler = t.start("cc", "-Wall", "-Wextra", "-Werror", f"{name}.c", *more, "-o", name, f"-I{SOURCE}/common",
                           library, f"-Wl,-rpath,{os.path.dirname(library)}", *sanitize)
        compiler.ends_with(0)
    producer = t.start("./producer")
    wait_stopped(producer)
    seen = t.start("./viewer")
    with Witness(t, producer, "hello") as segment:
        soon(segment.joined, "a viewer has joined", HANG_SECONDS)
    producer.signal(signal.SIGCONT)
    producer.ends_with(0)
    seen.ends_with(0)
    lines = seen.out.splitlines()
    assert lines, "the viewer saw no frame"
    for line in lines:
        number, blue = map(int, re.fullmatch(r"frame (\d+): blue is (\d+)", line).groups())
        equal(blue, (number - 1) % 256, line)
    equal(number, 1000, "the last frame")


@test
def every_link_leads_to_a_file(t):
    for page in ("README.md", "CONTRIBUTING.md", "assets/README.md", "tests/README.md"):
        links = re.findall(r"\]\(([^)#]+)", document(page))
        for link in links:
            if "://" not in link:
                assert os.path.exists(os.path.join(SOURCE, os.path.dirname(page), link)), f"{page}: no file {link}"


@test
def every_option_is_in_the_manual_and_no_other(t):
    for program, manual in MANUALS:
        shown = set(re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", t.run(program, "--help").decode(), re.M))
        described = {word for word in terms(section(manual, "OPTIONS")) if word.startswith("--")}
        assert len(shown) >= 16, shown
        equal(described, shown, program)


@test
def every_source_pattern_and_presenter_is_in_the_manual_and_no_other(t):
    producer, viewer = MANUALS
    for (program, manual), heading in ((producer, "Sources"), (producer, "Patterns"), (viewer, "Presenters")):
        table = t.run(program, "--help").decode().split(f"{heading}:\n")[1].split("\n\n")[0]
        shown = set(re.findall(r"^  (\S+)", table, re.M))
        assert len(shown) >= 2, shown
        equal(terms(section(manual, heading.upper())), shown, program)


@test
def exit_codes_of_manual_help_and_header_are_equal(t):
    header = set(re.findall(r"EXIT_\w+ = (\d+)", document("common", "program", "exit_code.h"))) - {"128"}
    described = [terms(section(manual, "EXIT STATUS")) - {"128+N"} for program, manual in MANUALS]
    for (program, manual), codes in zip(MANUALS, described):
        shown = " ".join(t.run(program, "--help").decode().split("Exit codes:")[1].split())
        equal(codes, set(re.findall(r"(?:^|, )(\d+) ", shown)), program)
    equal(set.union(*described), header)


def fields(report, prefix=""):
    """The dotted names of a report's fields; percentiles and the parts of a format are described once."""
    for name, value in report.items():
        if isinstance(value, dict) and "count" not in value and name != "format":
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name


@test
def every_field_of_the_reports_is_in_the_manual(t):
    producer = t.producer("--size", "64x64", "--json", "p.json")
    t.viewer("--frames", "3", "--json", "v.json", "--csv", "v.csv").ends_with(0)
    producer.signal(signal.SIGTERM)
    producer.wait()
    for file, (program, manual) in zip(("p.json", "v.json"), MANUALS):
        written = set(fields(report_of(f"{t.path}/{file}")))
        equal(written - terms(section(manual, "REPORT")), set(), f"{program}: not described")
    columns = open(f"{t.path}/v.csv").readline().strip().split(",")
    equal(terms(section(MANUALS[1][1], "CSV")), set(columns), "columns")


if __name__ == "__main__":
    main()
