#!/usr/bin/env python3
"""Arrows go down: reads every #include of include/ and src/ and holds it against the layers of docs/architecture.md."""
import pathlib
import re
import sys

LAYER = {
    "base": 0, "broker": 0.3, "device": 0.5,  # ground: what other processes have stands on base, device on both
    "jinja": 0.5,                      # a language of text, for chat templates
    "place": 0.5,                      # which model goes to which machine: values
    "memory": 1, "engine": 1, "grammar": 1,  # things
    "quantize": 1.5, "options": 1.5,   # stand on the engine: quantizing; what users call its parameters
    "remote": 1.5,                     # files on other machines; headers of models as the engine reads them
    "tracker": 2, "dry_run": 2.3, "plan": 2.5,  # means: a dry run stands on what the tracker sees, a plan on dry runs
    "run": 3, "worker": 3.2, "host": 3.5,  # work: a run in a process of its own; a host has many
    "api": 4, "monitor": 4,            # views
    "server": 5, "tui": 5, "library": 5,  # faces: over HTTP, on a terminal, for programs
    "guard": 5,                        # and in front of programs that are not ours
    "c_api": 5.5,                         # for programs in other languages, over the library
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<plimsoll/|")(\w+)/', re.M)  # a public header, or one of src/
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
CODE = (".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".cmake", ".js", ".mjs", ".css", ".html", ".cs")
VALUES = ("dry_run", "plan", "memory", "grammar")  # their public headers come without the engine and without a JSON library


def violations(part: str, text: str) -> list[str]:
    found = []
    for target in INCLUDE.findall(text):
        if target not in LAYER:
            found.append(f"includes unknown part '{target}'")
        elif target != part and LAYER[target] >= LAYER[part]:
            found.append(f"'{part}' includes '{target}', which is not below it")
    return found


def reached(header: pathlib.Path, folders: list[pathlib.Path]) -> set[str]:
    """Every header that one includes, directly or by another of ours."""
    found, todo = set(), ANY_INCLUDE.findall(header.read_text())
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        for ours in (folder / name for folder in (*folders, header.parent) if (folder / name).is_file()):
            todo += ANY_INCLUDE.findall(ours.read_text())
    return found


def shared_and_private(root: pathlib.Path) -> list[str]:
    """A header that another part includes is included by "part/name.hpp" everywhere; a part's own by "name.hpp"."""
    by_part, alone = set(), set()
    for path in (root / "src").rglob("*.[ch]pp"):
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.M):
            if "/" in name:
                by_part.add(name)
            else:
                alone.add(f"{path.parent.name}/{name}")
    return [f"src/{name}: included with its part and without; one of the two" for name in sorted(by_part & alone)]


def values(root: pathlib.Path, folders: list[pathlib.Path]) -> list[pathlib.Path]:
    """The headers that other parts see, of the parts that are values."""
    included = {name for path in (root / "src").rglob("*.[ch]pp")
                for name in re.findall(r'^\s*#\s*include\s*(?:<plimsoll/|")(\w+/[^>"]+)', path.read_text(), re.M)}
    return sorted(p for name in included if name.split("/")[0] in VALUES
                  for p in (root / "include/plimsoll" / name, root / "src" / name) if p.is_file())


def too_large(root: pathlib.Path) -> list[str]:
    """What programs see is little enough to be read, and comes without the engine, JSON and what formats text."""
    headers = sorted((root / "include").rglob("*.hpp"))
    lines = sum(len(path.read_text().splitlines()) for path in headers)
    bad = [f"include/: {len(headers)} headers of {lines} lines"] if len(headers) > 25 or lines > 2500 else []
    for path in headers:
        for name in sorted(reached(path, [root / "include"])):
            if name.startswith(("llama", "ggml", "nlohmann", "fmt", "spdlog", "toml", "mtmd")) or "/" in name and not name.startswith("plimsoll/"):
                bad.append(f"{path.relative_to(root)}: reaches <{name}>")
            if name.startswith("plimsoll/") and not (root / "include" / name).is_file():
                bad.append(f"{path.relative_to(root)}: includes <{name}>, which is not there")
    return bad


def c_header(root: pathlib.Path) -> list[str]:
    """What programs in C see is one header that needs nothing but the compiler's own, and that nothing below c_api reads."""
    header = root / "include/plimsoll.h"
    text = header.read_text()
    bad = [f"include/plimsoll.h: includes <{name}>" for name in ANY_INCLUDE.findall(text) if name not in ("stddef.h", "stdint.h")]
    lines = len(text.splitlines())
    if lines > 900:
        bad.append(f"include/plimsoll.h: {lines} lines")
    bad += [f"{path.relative_to(root)}: a second C header" for path in (root / "include").rglob("*.h") if path != header]
    for path in [*(root / "src").rglob("*.[ch]pp"), *(root / "include").rglob("*.hpp")]:
        if "plimsoll.h" in ANY_INCLUDE.findall(path.read_text()) and path.parent != root / "src/c_api":
            bad.append(f"{path.relative_to(root)}: includes <plimsoll.h>, which is for programs and c_api")
    return bad


def too_long(root: pathlib.Path) -> list[str]:
    """A file that is longer holds a second concept. The C header is one file by its nature: see c_header()."""
    bad = []
    for folder in ("src", "include", "apps", "tests", "bench", "examples", "scripts", "cmake"):
        for path in sorted((root / folder).rglob("*")):
            is_code = path.suffix in CODE or path.name == "CMakeLists.txt"
            if not is_code or "node_modules" in path.parts or path == root / "include/plimsoll.h":
                continue
            lines = len(path.read_text(errors="replace").splitlines())
            if lines > 400:
                bad.append(f"{path.relative_to(root)}: {lines} lines, where 400 are the most")
    return bad


def self_test() -> None:
    assert violations("base", '#include "engine/model.hpp"\n')
    assert violations("memory", "#include <plimsoll/engine/params.hpp>\n")
    assert violations("run", "#include <plimsoll/cellar/x.hpp>\n")
    assert not violations("run", '#include <plimsoll/plan/plan.hpp>\n#include "plan/planner.hpp"\n#include <vector>\n')


def main(root: pathlib.Path) -> int:
    self_test()
    checked, bad = 0, []
    for base in (root / "include/plimsoll", root / "src"):
        for path in sorted(base.rglob("*.[ch]pp")):
            part = path.relative_to(base).parts[0]
            if part.endswith(".hpp"):  # what programs include
                part = "library"
            checked += 1
            bad += [f"{path.relative_to(root)}: {v}" for v in violations(part, path.read_text())]
            if part in ("base", "memory") and re.search(r'#\s*include\s*[<"](llama|ggml)', path.read_text()):
                bad.append(f"{path.relative_to(root)}: '{part}' knows neither llama nor ggml")
    bad += shared_and_private(root) + too_large(root) + c_header(root) + too_long(root)
    folders = [root / "include", root / "src"]
    for path in values(root, folders):
        for name in {"llama.h", "ggml.h", "ggml-backend.h", "nlohmann/json.hpp"} & reached(path, folders):
            bad.append(f"{path.relative_to(root)}: reaches <{name}>")
    print("\n".join(bad) or f"{checked} files keep the layering")
    return 1 if bad or not checked else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
