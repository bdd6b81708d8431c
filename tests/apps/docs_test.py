#!/usr/bin/env python3
"""Documentation states facts, and here they are held against what they are about: docs_test.py SOURCE_DIR PROGRAM

- every flag and environment variable in `plimsoll SUBCOMMAND --help` is in the man page, in docs/command-line.md and
  (flags) in both completions, and every long flag that these name is one of the program's;
- the tables, man page and completions are those that scripts/option-tables.py makes of the program's table of options;
- the man page is well-formed, where a tool for that is installed;
- every relative link of every Markdown page resolves, its anchor too, and every file that a page names in backticks exists;
- the README's C++ program is examples/ten_lines/main.cpp;
- every JSON example parses, and every schema of the sources has one.
"""
import json
import pathlib
import re
import subprocess
import sys

SUBCOMMANDS = ["", "devices", "plan", "generate", "chat", "calibrate", "doctor", "demo", "bench", "embed", "rerank", "tokenize", "quantize", "serve", "top", "ps", "guard", "place"]
# Flags of other programs that the pages mention.
FOREIGN = {"--static", "--prefix", "--install", "--build", "--cflags", "--libs", "--as-needed", "--undefined", "--set", "--fix",
           # llama-server's, which `serve` takes as well
           "--jinja", "--metrics", "--slots", "--mlock", "--embeddings", "--no-webui", "--models-dir", "--models-preset"}
FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
NAMED_FILE = re.compile(r"`((?:src|include|apps|cmake|docs|tests|scripts|examples|completions)/[\w./-]+|[a-z_]+/[a-z_]+\.hpp)`")

problems: list[str] = []


def problem(text: str) -> None:
    problems.append(text)


def help_of(program: str, subcommand: str) -> str:
    arguments = [program] + ([subcommand] if subcommand else []) + ["--help"]
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def flags_of(text: str) -> set[str]:
    """The flags that a help text offers: those that begin its lines, and llama.cpp's short ones in the descriptions."""
    found = set()
    for line in text.splitlines():
        if re.match(r"\s{1,10}-", line):
            declaration = re.split(r"\(Env:|Excludes:|\[", line)[0]
            found.update(FLAG.findall(declaration))
        found.update(re.findall(r"^\s+(-[a-z]{2,5}):", line))
    return found


def check_flags(root: pathlib.Path, program: str) -> None:
    man = re.sub(r"\\f[BIR]", "", (root / "docs/man/plimsoll.1").read_text().replace("\\-", "-"))
    pages = {"docs/man/plimsoll.1": man}
    for name in ("docs/command-line.md", "completions/plimsoll.bash", "completions/_plimsoll"):
        pages[name] = (root / name).read_text()
    offered, variables, sections = set(), set(), {}
    for subcommand in SUBCOMMANDS:
        text = help_of(program, subcommand)
        sections[subcommand] = flags_of(text)
        offered |= sections[subcommand]
        variables |= set(re.findall(r"Env:(PLIMSOLL_\w+)", text))
        if subcommand and not re.search(rf"^\.B {subcommand}$", man, re.M):
            problem(f"the man page does not name the subcommand {subcommand}")
        if subcommand and f"\n## {subcommand}\n" not in pages["docs/command-line.md"]:
            problem(f"docs/command-line.md has no section for {subcommand}")
    if len(offered) < 50 or len(variables) < 20:
        problem(f"only {len(offered)} flags and {len(variables)} variables were found in the help: this test reads it wrongly")
    for name, text in pages.items():
        named = set(FLAG.findall(text))
        for flag in sorted(offered - named):
            problem(f"{name} lacks {flag}")
        for flag in sorted(named - offered - FOREIGN):
            if flag.startswith("--"):
                problem(f"{name} names {flag}, which the program does not have")
    for variable in sorted(variables):
        if variable not in pages["docs/command-line.md"]:
            problem(f"docs/command-line.md lacks {variable}")
    check_bash_completion(root, sections)


def check_bash_completion(root: pathlib.Path, sections: dict[str, set[str]]) -> None:
    """What bash really offers after each subcommand is what its help offers."""
    script = root / "completions/plimsoll.bash"
    for subcommand, flags in sections.items():
        words = f"plimsoll {subcommand} -" if subcommand else "plimsoll -"
        count = len(words.split()) - 1
        asked = subprocess.run(
            ["bash", "-c", f'source "$1"; COMP_WORDS=({words}); COMP_CWORD={count}; _plimsoll; printf "%s\\n" "${{COMPREPLY[@]}}"',
             "bash", str(script)], check=True, capture_output=True, text=True)
        completed = set(asked.stdout.split())
        for flag in sorted(flags - completed):
            problem(f"completions/plimsoll.bash does not offer {flag} for '{subcommand}'")
        if subcommand:
            for flag in sorted(f for f in completed - flags if f.startswith("--")):
                problem(f"completions/plimsoll.bash offers {flag} for '{subcommand}', which does not have it")


def check_made_pages(root: pathlib.Path, program: str) -> None:
    for script in ("option-tables.py", "command-pages.py"):
        said = subprocess.run([sys.executable, str(root / "scripts" / script), program, "--check"], capture_output=True, text=True)
        if said.returncode != 0:
            problem(said.stdout.strip() + said.stderr)


def check_man_pages(root: pathlib.Path) -> None:
    for page in sorted((root / "docs/man").glob("*.1")):
        said = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True)
        if said.returncode != 0 or said.stderr.strip():
            problem(f"{page.name} is not well-formed:\n{said.stderr}{said.stdout}")


def check_completions(root: pathlib.Path) -> None:
    """Each shell reads its own; fish says what it would offer."""
    pages = {shell: root / "completions" / name for shell, name in (("bash", "plimsoll.bash"), ("zsh", "_plimsoll"), ("fish", "plimsoll.fish"))}
    for shell, page in pages.items():
        said = subprocess.run([shell, "-n", str(page)], capture_output=True, text=True)
        if said.returncode != 0:
            problem(f"{page.name} cannot be read by {shell}: {said.stderr}")
    for typed, offered in (("plimsoll se", "serve"), ("plimsoll plan --ctx", "--ctx-size"), ("plimsoll serve --flash-attn ", "auto")):
        said = subprocess.run(["fish", "--no-config", "-c", f"source {pages['fish']}; complete -C '{typed}'"], capture_output=True, text=True)
        if offered not in [line.split("\t")[0] for line in said.stdout.splitlines()]:
            problem(f"fish offers no {offered} for '{typed}': {said.stdout}{said.stderr}")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def anchors_of(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", without_code(text), re.M)}


def check_pages(root: pathlib.Path) -> int:
    hidden = ("build", ".cache", "prefix")
    pages = [p for p in sorted(root.rglob("*.md")) if not any(part.startswith(hidden) for part in p.relative_to(root).parts)]
    links = 0
    for page in pages:
        text = page.read_text()
        name = page.relative_to(root)
        if text.count("\n```") % 2 != 0:
            problem(f"{name}: a code block is not closed")
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue
            links += 1
            path, _, anchor = target.partition("#")
            there = (page.parent / path) if path else page
            if not there.exists():
                problem(f"{name}: the link to {target} leads nowhere")
            elif anchor and there.suffix == ".md" and anchor not in anchors_of(there.read_text()):
                problem(f"{name}: {target} has no such heading")
        for named in NAMED_FILE.findall(text):
            candidates = [root / named, root / "include/plimsoll" / named]
            if not any(c.exists() for c in candidates):
                problem(f"{name}: {named} does not exist")
        for block in re.findall(r"^```json\n(.*?)^```", text, re.M | re.S):
            try:
                json.loads(block)
            except json.JSONDecodeError as error:
                problem(f"{name}: a JSON example does not parse: {error}")
    return links


SCHEMA_PAGES = ("docs/command-line.md", "docs/server.md", "docs/c-api.md", "docs/guard.md")


def check_schemas(root: pathlib.Path) -> None:
    documented = set(re.findall(r'"schema": ?"(plimsoll\.\w+/\d+)"', "".join((root / page).read_text() for page in SCHEMA_PAGES)))
    used = set()
    for folder in ("src", "apps"):
        for source in (root / folder).rglob("*.cpp"):
            used |= set(re.findall(r'"schema", "(plimsoll\.\w+/\d+)"', source.read_text()))
    for schema in sorted(used ^ documented):
        problem(f"{schema} is {f'in the sources but in none of {SCHEMA_PAGES}' if schema in used else 'documented, but no source writes it'}")


def check_readme_program(root: pathlib.Path) -> None:
    blocks = re.findall(r"^```cpp\n(.*?)^```", (root / "README.md").read_text(), re.M | re.S)
    if (root / "examples/ten_lines/main.cpp").read_text() not in blocks:
        problem("README.md does not show examples/ten_lines/main.cpp as it is")


def self_test() -> None:
    text = "  -m,     --model TEXT ... (Env:PLIMSOLL_MODEL) \n                              -ngl: layers; not --this one\n"
    assert flags_of(text) == {"-m", "--model", "-ngl"}, flags_of(text)
    assert anchors_of("# A b, c\n```\n# no\n```\n") == {"a-b-c"}


def main(root: pathlib.Path, program: str) -> int:
    self_test()
    check_flags(root, program)
    check_made_pages(root, program)
    check_man_pages(root)
    check_completions(root)
    links = check_pages(root)
    check_schemas(root)
    check_readme_program(root)
    if links < 20:
        problem(f"only {links} links were found: this test reads the pages wrongly")
    print("\n".join(problems) or f"flags, pages, {links} links, schemas and examples agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
