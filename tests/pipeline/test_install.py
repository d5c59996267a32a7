# SPDX-License-Identifier: MIT
"""What .ci/install does: it installs what is missing, prints first what that is, and runs no apt-get if nothing is
missing. dpkg, apt-get, sudo and id are scripts here, which record how they are called."""
import os

from harness import *

INSTALL = os.path.join(os.environ["PAGEFLIP_SOURCE"], ".ci", "install")
with open(os.path.join(os.path.dirname(INSTALL), "packages")) as file:
    LIST = file.read()
PACKAGES = [line for line in LIST.splitlines() if not line.startswith("#")]
NATIVE = [f"installed amd64 {package}, " for package in PACKAGES]


def without(*packages):
    return [line for line in NATIVE if line.split()[2].rstrip(",") not in packages]


class Machine:
    """A PATH with nothing but a few tools, and the scripts."""

    def __init__(self, t, installed, uid=0, sudo=True, dpkg=True, apt_exit=0):
        self.t = t
        self.bin = f"{t.path}/bin"
        os.mkdir(self.bin)
        for tool in ("sh", "env", "awk", "sed", "dirname", "cat"):
            os.symlink(shutil.which(tool), f"{self.bin}/{tool}")
        with open(f"{t.path}/status", "w") as file:
            file.write("\n".join(installed) + "\n")
        if dpkg:
            self.script("dpkg", "echo amd64")
            self.script("dpkg-query", f"cat {t.path}/status")
        self.script("apt-get", f'echo "apt-get $*" >>{t.path}/calls; exit {apt_exit}')
        self.script("id", f"echo {uid}")
        if sudo:
            self.script("sudo", f'echo "sudo $1" >>{t.path}/calls; exec "$@"')

    def script(self, name, text):
        with open(f"{self.bin}/{name}", "w") as file:
            file.write(f"#!{self.bin}/sh\n{text}\n")
        os.chmod(file.name, 0o755)

    def install(self, *arguments):
        return self.t.start(f"{self.bin}/sh", INSTALL, *arguments, env={"PATH": self.bin})

    def calls(self):
        return text_of(f"{self.t.path}/calls").splitlines()


@test
def nothing_is_run_or_printed_when_all_is_installed(t):
    machine = Machine(t, NATIVE, uid=1000, sudo=False)
    for part in ("show", "tests", "bench"):
        process = machine.install(part).ends_with(0)
        equal((process.out, process.err, machine.calls()), ("", "", []), part)


@test
def the_missing_packages_are_printed_and_then_installed(t):
    machine = Machine(t, without("meson", "clang"))
    process = machine.install().ends_with(0)
    equal(process.err, "installing with apt-get (needs root): meson clang\n")
    equal(machine.calls(), ["apt-get update -q", "apt-get install -y -q --no-install-recommends meson clang"])


@test
def each_part_installs_only_what_it_needs(t):
    machine = Machine(t, without("libpng-dev", "valgrind", "gnuplot-nox"))
    for part, missing in (("show", "libpng-dev"), ("tests", "libpng-dev valgrind"), ("bench", "libpng-dev valgrind gnuplot-nox")):
        process = machine.install(part).ends_with(0)
        equal(process.err, f"installing with apt-get (needs root): {missing}\n", part)


@test
def a_user_installs_by_sudo(t):
    machine = Machine(t, without("meson"), uid=1000)
    machine.install("show").ends_with(0, "installing with sudo apt-get (needs root): meson\n")
    equal(machine.calls()[:3:2], ["sudo apt-get", "sudo env"])


@test
def without_root_and_sudo_one_line_names_the_command(t):
    machine = Machine(t, without("meson"), uid=1000, sudo=False)
    process = machine.install("show").ends_with(1)
    equal(process.err, "install: error: missing packages and no sudo; run as root: apt-get install meson\n")
    equal(machine.calls(), [])


@test
def a_failure_of_apt_is_a_failure(t):
    Machine(t, without("meson"), apt_exit=100).install("show").ends_with(100)


@test
def a_package_of_another_architecture_or_state_does_not_count(t):
    machine = Machine(t, without("libpng-dev", "libx11-dev", "meson") +
                      ["installed i386 libpng-dev, ", "config-files amd64 libx11-dev, ", "installed all meson, "])
    machine.install("show").ends_with(0, ": libpng-dev libx11-dev\n")


@test
def a_package_that_another_provides_counts(t):
    machine = Machine(t, without("pkg-config", "libx11-dev") +
                      ["installed amd64 pkgconf, pkg-config (= 1.8.1-1), libx11-dev"])
    equal(machine.install("show").ends_with(0).err, "")


@test
def without_dpkg_there_is_a_warning(t):
    machine = Machine(t, [], dpkg=False)
    machine.install("show").ends_with(0, "install: warning: dpkg not found")
    equal(machine.calls(), [])


@test
def an_unknown_part_is_refused(t):
    Machine(t, NATIVE).install("demo").ends_with(2, "usage: ")


if __name__ == "__main__":
    main()
