#!/usr/bin/env python3
"""What packs the program agrees with what it is made of: packaging_test.py SOURCE_DIR PROGRAM

- the version of debian/changelog is the project's;
- debian/control builds with the libraries that scripts/packages/base.txt names;
- the unit runs a subcommand and flags that the program has, and hardens what it says;
- a package owns each kind of file that cmake/Install.cmake installs.
"""
import configparser
import pathlib
import re
import shlex
import subprocess
import sys

# Of base.txt: tools that debhelper brings or that only speed up a build, and what runs, not builds.
NOT_BUILT_WITH = {"ccache", "libggml0-backend-vulkan", "mesa-vulkan-drivers"}
problems: list[str] = []


def check(condition: bool, sentence: str) -> None:
    if not condition:
        problems.append(sentence)


def packages(path: pathlib.Path) -> set[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {line for line in lines if line}


def check_versions(root: pathlib.Path) -> None:
    project = re.search(r"^project\(plimsoll VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text(), re.M).group(1)
    packed = re.match(r"plimsoll \(([\d.]+)", (root / "debian/changelog").read_text()).group(1)
    check(project == packed, f"debian/changelog is of {packed}, the project of {project}")


def check_libraries(root: pathlib.Path) -> None:
    control = (root / "debian/control").read_text()
    field = re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.M).group(1)
    built_with = {re.match(r"[\w.+-]+", entry.strip()).group(0) for entry in field.split(",") if entry.strip()}
    base = packages(root / "scripts/packages/base.txt") - NOT_BUILT_WITH
    check(built_with - {"debhelper-compat"} == base,
          f"debian/control and scripts/packages/base.txt differ in {sorted((built_with - {'debhelper-compat'}) ^ base)}")


def check_unit(root: pathlib.Path, program: str) -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read(root / "contrib/plimsoll.service")
    service = unit["Service"]
    words = shlex.split(service["ExecStart"])
    text = subprocess.run([program, words[1], "--help"], capture_output=True, text=True, check=True).stdout
    for flag in (word for word in words if word.startswith("-")):
        check(flag in text, f"the unit gives {flag}, which `{words[1]}` has not")
    check("${CREDENTIALS_DIRECTORY}/" + service["LoadCredential"].split(":")[0] in service["ExecStart"],
          "the unit loads a credential that its command does not read")
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "DynamicUser"):
        check(service.get(key) == "yes", f"the unit has no {key}=yes")
    drain = int(words[words.index("--drain-time") + 1])
    check(drain < int(service["TimeoutStopSec"]), "systemd kills the server before it has drained")


def check_files(root: pathlib.Path) -> None:
    owned = "\n".join(path.read_text() for path in (root / "debian").glob("*.install"))
    for name in ("usr/bin/plimsoll", "usr/share/man", "usr/share/fish", "usr/share/zsh", "usr/share/bash-completion",
                 "usr/include", "usr/lib/libplimsoll.so.*", "usr/lib/plimsoll/libplimsoll-guard.so", "usr/share/plimsoll"):
        check(name in owned.split(), f"no package owns {name}")


def main() -> None:
    root = pathlib.Path(sys.argv[1])
    check_versions(root)
    check_libraries(root)
    check_unit(root, sys.argv[2])
    check_files(root)
    print("\n".join(problems) or "packaging agrees with the sources")
    sys.exit(1 if problems else 0)


main()
