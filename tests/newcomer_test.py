#!/usr/bin/env python3
"""A newcomer's three tasks: newcomer_test.py SOURCE_DIR

Every row of docs/architecture.md ("Where does my line of code go?") names files that exist. Each patch of docs/newcomer/ still
applies to the tree, touches no file that its row does not name, and brings a test.
"""
import fnmatch
import pathlib
import posixpath
import re
import sys

ROWS = {"eviction-policy.patch": "an eviction policy", "model-parameter.patch": "a model or context parameter", "route.patch": "a route"}
FUZZ = 2  # lines of context at either end of a hunk that may have changed, as `patch` has it; one line always counts


class Hunk:
    def __init__(self, first: int, lines: list[str]):
        self.first = first  # of the old file, from 0
        self.old = [line[1:] for line in lines if line[0] in " -"]
        self.new = [line[1:] for line in lines if line[0] in " +"]
        kinds = [line[0] for line in lines]
        changed = [i for i, kind in enumerate(kinds) if kind != " "]
        self.before, self.after = changed[0], len(kinds) - 1 - changed[-1]  # lines of context

    def place_in(self, text: list[str], expected: int) -> tuple[int, int, int] | None:
        """Where it fits, nearest to what is expected, and how much context is left out at its ends."""
        for fuzz in range(FUZZ + 1):
            head, tail = (max(0, min(fuzz, context - 1)) for context in (self.before, self.after))
            wanted = self.old[head:len(self.old) - tail]
            places = [i for i in range(len(text) - len(wanted) + 1) if text[i:i + len(wanted)] == wanted]
            if places:
                return min(places, key=lambda i: abs(i - expected - head)), head, tail
        return None


def hunks_of(patch: str) -> dict[str, list[Hunk]]:
    """By the file that they change."""
    found: dict[str, list[Hunk]] = {}
    for part in re.split(r"^diff --git .*\n", patch, flags=re.M)[1:]:
        name = re.search(r"^\+\+\+ b/(.*)$", part, re.M)
        pieces = re.split(r"^@@ -(\d+)[^\n]*@@[^\n]*\n", part, flags=re.M)
        hunks = [Hunk(int(first) - 1, body.splitlines()) for first, body in zip(pieces[1::2], pieces[2::2])]
        if name is None or not hunks:
            raise ValueError(f"no change of a file is seen in: {part[:80]}")
        found[name.group(1)] = hunks
    return found


def applied(text: str, hunks: list[Hunk]) -> str | None:
    """The file with the changes; None: one of them fits nowhere."""
    lines, offset = text.splitlines(), 0
    for hunk in hunks:
        place = hunk.place_in(lines, hunk.first + offset)
        if place is None:
            return None
        at, head, tail = place
        lines[at:at + len(hunk.old) - head - tail] = hunk.new[head:len(hunk.new) - tail]
        offset = at - head - hunk.first + len(hunk.new) - len(hunk.old)
    return "\n".join(lines) + "\n"


def patterns_of(row: str) -> list[str]:
    """The files that a row of docs/architecture.md names: in backticks from the root, as links from docs/; "…" and "<name>" are any text."""
    named = re.findall(r"`([^`\s]+/[^`\s]*)`", row)
    linked = [posixpath.normpath(f"docs/{target.partition('#')[0]}") for target in re.findall(r"\]\(([^)]+)\)", row)]
    return [re.sub(r"…|<\w+>", "*", name) + ("*" if name.endswith("/") else "") for name in named + linked]


def rows_of(page: str) -> dict[str, str]:
    table = page.partition("## Where does my line of code go?")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", table, re.M))


def problems_of(name: str, patch: str, row: str, root: pathlib.Path) -> list[str]:
    problems = []
    changes = hunks_of(patch)
    for path, hunks in changes.items():
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns_of(row)):
            problems.append(f"{name} touches {path}, which its row of docs/architecture.md does not name")
        if not (root / path).is_file():
            problems.append(f"{name} changes {path}, which does not exist")
        elif applied((root / path).read_text(), hunks) is None:
            problems.append(f"{name} no longer applies to {path}: docs/newcomer/README.md says how it is written anew")
    if not any(path.startswith("tests/") for path in changes):
        problems.append(f"{name} brings no test")
    return problems


def self_test() -> None:
    patch = "diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,3 +1,4 @@\n one\n two\n+new\n three\n"
    hunks = hunks_of(patch)["src/a.txt"]
    assert applied("one\ntwo\nthree\n", hunks) == "one\ntwo\nnew\nthree\n"
    assert applied("zero\nONE\ntwo\nthree\n", hunks) == "zero\nONE\ntwo\nnew\nthree\n"  # moved, and one line is another
    assert applied("one\n2\n3\n", hunks) is None
    row = "its `src/b_….cpp`, [page](page.md#part), a test in `tests/part/`"
    assert patterns_of(row) == ["src/b_*.cpp", "tests/part/*", "docs/page.md"], patterns_of(row)
    found = problems_of("x.patch", patch, row, pathlib.Path("/nowhere"))
    assert len(found) == 3 and "does not name" in found[0] and "does not exist" in found[1] and "no test" in found[2], found


def main(root: pathlib.Path) -> int:
    self_test()
    rows = rows_of((root / "docs/architecture.md").read_text())
    folder = root / "docs/newcomer"
    problems = [f"{p.name}: this test does not know its row" for p in folder.glob("*.patch") if p.name not in ROWS]
    if len(rows) < 20:
        problems.append(f"only {len(rows)} rows were found in docs/architecture.md: this test reads it wrongly")
    for task, row in rows.items():
        problems += [f"docs/architecture.md, '{task}': there is no {p}" for p in patterns_of(row) if not any(root.glob(p))]
    for name, task in ROWS.items():
        if task not in rows:
            problems.append(f"docs/architecture.md has no row '{task}'")
        elif not (folder / name).is_file():
            problems.append(f"docs/newcomer/{name} does not exist")
        else:
            problems += problems_of(name, (folder / name).read_text(), rows[task], root)
    print("\n".join(problems) or f"{len(ROWS)} patches apply, and touch what their rows name")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
