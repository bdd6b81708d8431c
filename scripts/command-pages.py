#!/usr/bin/env python3
"""Writes what is made of the subcommands and their flags: command-pages.py PROGRAM [--check]

A man page for each subcommand (docs/man/plimsoll-NAME.1) and the completions for fish, of what `plimsoll command-table` says.
--check changes nothing and says what is stale, as the test `docs` asks.
"""
import json
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRST_LINE = '.\\" Made by scripts/command-pages.py of what `plimsoll command-table` says.'


def roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in escaped.split("\n"))


def sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?" else ".")


def filled(text: str) -> list[str]:
    return [roff(line) for line in textwrap.wrap(sentence(text), 120, break_on_hyphens=False, break_long_words=False)]


def entry(option: dict) -> list[str]:
    value = f" \\fI{roff(option['value'])}\\fR" if option["value"] else ""
    name = ", ".join(f"\\fB{roff(flag)}\\fR" for flag in option["flags"]) or f"\\fI{roff(option['positional'])}\\fR"
    lines = [".TP", name + (value if option["flags"] else ""), *filled(option["text"])]
    return lines + ([f"Environment: {roff(option['env'])}."] if option["env"] else [])


def man_page(command: dict, version: str, everybody: list[dict]) -> str:
    title = f"plimsoll-{command['name']}"
    positional = [o for o in command["options"] if not o["flags"]]
    words = "".join(f"\n.RI [ {roff(o['positional'])}{'...' if o['repeats'] else ''} ]" for o in positional)
    lines = [FIRST_LINE, f".TH {title.upper()} 1 \"\" \"plimsoll {version}\" \"User Commands\"", ".SH NAME",
             f"{roff(title)} \\- {roff(command['text'][:1].lower() + command['text'][1:])}", ".SH SYNOPSIS",
             f".B plimsoll {roff(command['name'])}", ".RI [ options ]" + words]
    if positional:
        lines += [".SH ARGUMENTS", *(line for o in positional for line in entry(o))]
    groups = list(dict.fromkeys(o["group"] for o in command["options"] if o["flags"]))
    for group in groups:
        name = "OPTIONS" if group.upper() == "OPTIONS" else f"{group.upper()} OPTIONS"
        lines += [f".SH {name}", *(line for o in command["options"] if o["flags"] and o["group"] == group for line in entry(o))]
    if command["footer"]:
        lines += [".SH NOTES", *filled(command["footer"])]
    others = [f"plimsoll-{c['name']}" for c in everybody if c["name"] and c is not command]
    lines += [".SH SEE ALSO", ".BR plimsoll (1),", *(f".BR {roff(o)} (1){',' if o != others[-1] else ''}" for o in others)]
    return "\n".join(lines) + "\n"


def fish(commands: list[dict], words: dict[str, list[str]]) -> str:
    """`words`: what a flag takes, where that is one of a few."""
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def meaning(text: str) -> str:
        return quoted(re.split(r"[;(]|: ", text)[0].strip())

    names = [c["name"] for c in commands if c["name"]]
    lines = ["# fish completion for plimsoll. Made by scripts/command-pages.py of what `plimsoll command-table` says.",
             f"set -l commands {' '.join(names)}", "complete -c plimsoll -f"]
    for command in commands:
        when = f"__fish_seen_subcommand_from {command['name']}" if command["name"] else "not __fish_seen_subcommand_from $commands"
        if command["name"]:
            lines.append(f"complete -c plimsoll -n \"not __fish_seen_subcommand_from $commands\" -a {command['name']} -d {meaning(command['text'])}")
        for option in command["options"]:
            if not option["flags"]:
                lines.append(f"complete -c plimsoll -n {quoted(when)} -F")
                continue
            parts = []
            for flag in option["flags"]:
                kind = "-l" if flag.startswith("--") else "-s" if len(flag) == 2 else "-o"
                parts.append(f"{kind} {flag.lstrip('-')}")
            takes = ""
            if option["value"]:
                is_file = re.search(r"FILE|PATH|FOLDER|file|config", option["value"] + option["flags"][-1]) is not None
                choice = next((words[flag] for flag in option["flags"] if words.get(flag)), [])
                takes = f" -x -a {quoted(' '.join(choice))}" if choice else " -r -F" if is_file else " -x"
            where = f"\"{when}\"" if "$" in when else quoted(when)
            lines.append(f"complete -c plimsoll -n {where} {' '.join(parts)}{takes} -d {meaning(option['text'])}")
    return "\n".join(lines) + "\n"


def pages(program: str) -> dict[pathlib.Path, str]:
    said = lambda *arguments: subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
    commands = json.loads(said("command-table"))
    version = said("--version").split()[1]
    out = {ROOT / f"docs/man/plimsoll-{c['name']}.1": man_page(c, version, commands) for c in commands if c["name"]}
    words = {flag: o["words"] for o in json.loads(said("option-table")) for flag in o["flags"]}
    return {**out, ROOT / "completions/plimsoll.fish": fish(commands, words)}


def main(program: str, how: str) -> int:
    wanted = pages(program)
    gone = [p for p in (ROOT / "docs/man").glob("plimsoll-*.1") if p not in wanted]
    changed = {p: text for p, text in wanted.items() if not p.exists() or p.read_text() != text}
    if how == "--check":
        for path in [*changed, *gone]:
            print(f"{path.relative_to(ROOT)}: stale; run scripts/command-pages.py")
        return 1 if changed or gone else 0
    for path, text in changed.items():
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: written")
    for path in gone:
        path.unlink()
        print(f"{path.relative_to(ROOT)}: removed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
