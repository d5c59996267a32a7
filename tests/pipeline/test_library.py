# SPDX-License-Identifier: MIT
"""The library alone: it builds in each kind without what only the programs need, a program finds the installed files by
pkg-config, and another meson project may have it as a subproject."""
import json
import os

from harness import *

SOURCE = os.environ["PAGEFLIP_SOURCE"]
PROGRAM = r"""
#include <pageflip.h>
#include <stddef.h>

/* The library has functions of these names, which must not be visible. */
void log_error(void);
int segment_attach = 7;

void log_error(void)
{
}

int main(void)
{
    struct pf_format format = {.fourcc = PF_FOURCC_XR24, .width = 64, .height = 48};
    struct pf_producer *producer;
    int ret = pf_producer_open(&producer, "library", &format, NULL);

    if (ret == 0)
        pf_producer_close(producer);
    return -ret;
}
"""
PARENT = """
project('parent', 'c', meson_version: '>=1.0.0')
executable('program', 'program.c', dependencies: dependency('pageflip'))
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def hide_other_libraries(t):
    """No pkg-config file is found, neither are the scripts of SDL and libpng, and the suite's own library is not loaded."""
    need("meson", "ninja", "pkg-config")
    os.mkdir(f"{t.path}/bin")
    for name in ("sdl2-config", "libpng-config"):
        write(f"{t.path}/bin/{name}", "#!/bin/sh\nexit 1\n")
        os.chmod(f"{t.path}/bin/{name}", 0o755)
    t.env.update(PATH=f"{t.path}/bin:{os.environ['PATH']}", PKG_CONFIG_LIBDIR=t.path, PKG_CONFIG_PATH="")
    t.env.pop("LD_LIBRARY_PATH", None)


def build(t, source, *options):
    """Without optimization, which is not what is tested. Returns the build directory."""
    process = t.start("meson", "setup", "-Doptimization=0", "-Ddebug=false", *options, "build", source).ends_with(0)
    for word in ("WARNING", "DEPRECATION"):
        assert word not in process.out + process.err, process.out + process.err
    t.start("ninja", "-C", "build").ends_with(0)
    return f"{t.path}/build"


def needed_by(t, path):
    """The shared libraries that a file names."""
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", t.run("readelf", "-d", path).decode()))


def build_and_use(t, kind, *options):
    hide_other_libraries(t)
    directory = build(t, SOURCE, "-Dprograms=disabled", f"-Ddefault_library={kind}", "-Dprefix=/usr", "-Dlibdir=lib",
                      *options)
    dependencies = json.loads(t.run("meson", "introspect", "--dependencies", directory))
    equal({found["name"] for found in dependencies}, {"threads"})
    version = json.loads(t.run("meson", "introspect", "--projectinfo", directory))["version"]
    soname = f"libpageflip.so.{'.'.join(version.split('.')[:2])}"  # the ABI changes with each 0.x
    expected = {"usr/include/pageflip.h", "usr/lib/pkgconfig/pageflip.pc"}
    if kind != "static":
        expected |= {"usr/lib/libpageflip.so", f"usr/lib/{soname}", f"usr/lib/libpageflip.so.{version}"}
    if kind != "shared":
        expected.add("usr/lib/libpageflip.a")
    root = f"{t.path}/root"
    t.run("meson", "install", "-C", directory, "--no-rebuild", "--destdir", root)
    installed = {os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names}
    equal(installed, expected)

    t.env.update(PKG_CONFIG_LIBDIR=f"{root}/usr/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=root)
    write(f"{t.path}/program.c", PROGRAM)
    static = ["--static"] if kind == "static" else []
    flags = t.run("pkg-config", *static, "--cflags", "--libs", "pageflip").decode().split()
    t.start("cc", "-Wall", "-Wextra", "-Werror", "program.c", "-o", "program", *flags).ends_with(0)
    equal(needed_by(t, f"{t.path}/program"), {"libc.so.6"} if kind == "static" else {"libc.so.6", soname})
    t.start("./program", env={"LD_LIBRARY_PATH": f"{root}/usr/lib"}).ends_with(0)
    return root


def check_archive(t, root):
    lines = t.run("nm", "-g", "--defined-only", f"{root}/usr/lib/libpageflip.a").decode().splitlines()
    names = [line.split()[2] for line in lines if len(line.split()) == 3]
    assert names and all(name.startswith("pf_") for name in names), names


@test
def the_shared_library_builds_alone_and_exports_only_its_own_names(t):
    root = build_and_use(t, "shared")
    library = f"{root}/usr/lib/libpageflip.so"
    equal(needed_by(t, library), {"libc.so.6"})
    names = t.run("nm", "-D", "--defined-only", "--format=just-symbols", library).decode().split()
    assert names and all(name.startswith("pf_") for name in names), names


@test
def the_static_library_builds_alone_and_has_only_its_own_global_names(t):
    check_archive(t, build_and_use(t, "static"))


@test
def both_libraries_build_alone(t):
    build_and_use(t, "both")


@test
def link_time_optimization_keeps_the_names_local(t):
    check_archive(t, build_and_use(t, "static", "-Db_lto=true"))


@test
def another_meson_project_has_it_as_a_subproject(t):
    hide_other_libraries(t)
    os.makedirs(f"{t.path}/parent/subprojects")
    os.symlink(SOURCE, f"{t.path}/parent/subprojects/pageflip")
    write(f"{t.path}/parent/program.c", PROGRAM)
    write(f"{t.path}/parent/meson.build", PARENT)
    directory = build(t, "parent")
    assert not os.path.exists(f"{directory}/subprojects/pageflip/producer"), "the programs are built as well"
    t.start(f"{directory}/program").ends_with(0)


if __name__ == "__main__":
    main()
