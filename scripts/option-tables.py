#!/usr/bin/env python3
"""Writes what is made of the table of options (src/options/): option-tables.py PROGRAM|TABLE.json [--check|--print]

Between the marks "options: GROUP" and "end of options" of docs/command-line.md, docs/man/plimsoll.1 and completions/ stands
what this script makes of `plimsoll option-table`. --check changes nothing and says which pages are stale, as the test `docs` asks; --print prints them.
"""
import json
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARKED = re.compile(r"^(?P<begin>[^\n]*\boptions: (?P<groups>[a-z, ]+?)(?: -->)?)\n.*?^(?P<end>[^\n]*\bend of options\b[^\n]*)$", re.M | re.S)


def plain(markdown: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")


def markdown(options: list[dict]) -> list[str]:
    lines = ["| flag | environment | key | meaning | default |", "|---|---|---|---|---|"]
    for o in options:
        flags = [f"`{flag}`" for flag in o["flags"]]
        if flags and o["value"]:
            flags[-1] = f"`{o['flags'][-1]} {o['value']}`"
        code = [f"`{o[name]}`" if o[name] else "" for name in ("env", "key")]
        cells = [", ".join(flags), *code, o["text"], o["default"]]
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in (c.replace("|", "\\|") for c in cells)) + "|")
    return lines


def man(options: list[dict]) -> list[str]:
    def roff(text: str) -> str:
        bold = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("\\", "\\e"))
        return bold.replace("-", "\\-")

    lines = []
    for o in options:
        if not o["flags"]:
            continue
        value = f" \\fI{o['value']}\\fR" if o["value"] else ""
        lines += [".TP", ", ".join(f"\\fB{flag}\\fR" for flag in o["flags"]).replace("-", "\\-") + value]
        text = o["text"][0].upper() + o["text"][1:] + "."
        lines += textwrap.wrap(roff(text), 120, break_on_hyphens=False, break_long_words=False)
        if o["default"]:
            lines += textwrap.wrap(f"Default: {roff(o['default'])}.", 120, break_on_hyphens=False, break_long_words=False)
    return lines


def bash(options: list[dict], groups: list[str]) -> list[str]:
    if groups == ["values"]:
        cases = []
        for o in options:
            choice = f"compgen -W '{' '.join(o['words'])}'" if o["words"] else "compgen -f -X '!*.gguf'" if o["is_file"] else ""
            if not choice or not o["flags"]:
                continue
            folders = "; compgen -d -- \"$word\"" if o["is_file"] else ""
            cases.append(f"    {' | '.join(o['flags'])}) mapfile -t COMPREPLY < <({choice} -- \"$word\"{folders}); return ;;")
        return cases
    words = " ".join(flag for o in options for flag in o["flags"])
    return textwrap.wrap(f"local {groups[0]}='{words}'", 120, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def zsh(options: list[dict], groups: list[str]) -> list[str]:
    def escaped(text: str) -> str:
        return re.sub(r"([\[\]:])", r"\\\1", text).replace("'", "'\\''")

    lines = [f"{groups[0]}=("]
    for o in options:
        if not o["flags"]:
            continue
        meaning = escaped(re.split(r"[;(:]", plain(o["text"]))[0].strip())
        values = " ".join(f":{escaped(value)}:" for value in o["value"].split())
        action = f"({' '.join(o['words'])})" if o["words"] else "_files -g \"*.gguf\"" if o["is_file"] else ""
        many = "*" if o["repeats"] else ""
        if len(o["flags"]) == 1:
            lines.append(f"  '{many}{o['flags'][0]}[{meaning}]{values}{action}'")
        else:
            begin = "'*'" if many else ""
            lines.append(f"  {begin}{{{','.join(o['flags'])}}}'[{meaning}]{values}{action}'")
    return [*lines, ")"]


PAGES = {
    "docs/command-line.md": lambda options, groups: markdown(options),
    "docs/man/plimsoll.1": lambda options, groups: man(options),
    "completions/plimsoll.bash": bash,
    "completions/_plimsoll": zsh,
}


def pages(table: list[dict]) -> dict[pathlib.Path, str]:
    """Each page as the table wants it."""
    wanted = {}
    for name, made_of in PAGES.items():
        def replaced(match: re.Match) -> str:
            groups = match["groups"].split(", ")
            options = [o for o in table if o["group"] in groups or groups == ["values"]]
            return "\n".join([match["begin"], *made_of(options, groups), match["end"]])
        path = ROOT / name
        wanted[path] = MARKED.sub(replaced, path.read_text())
    return wanted


def main(source: str, how: str) -> int:
    said = pathlib.Path(source).read_text() if source.endswith(".json") else subprocess.run(
        [source, "option-table"], check=True, capture_output=True, text=True).stdout
    wanted = pages(json.loads(said))
    if how == "--print":
        print(*wanted.values(), sep="\n")
        return 0
    changed = {path: text for path, text in wanted.items() if path.read_text() != text}
    for path, text in changed.items():
        if how != "--check":
            path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {'stale; run scripts/option-tables.py' if how == '--check' else 'written'}")
    return 1 if how == "--check" and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
