#!/usr/bin/env python3
"""Markdown from build/bench/*.json: report.py prints it; report.py --write FILE puts it between the file's two
markers, where rows of benchmarks that have no result here stay as they are."""
import json
import pathlib
import sys

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "build/bench"
MACHINE = "| machine | |"
FIGURES = "| benchmark | figure | measured | wanted | reached | made of |"
WHEN = "| benchmark | measured on | kernel | load before and after | repetitions |"
BEGIN, END = "<!-- measured: begin (bench/report.py) -->", "<!-- measured: end -->"


def number(value) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def bound(one: dict) -> str:
    return f"{'≥' if one['at_least'] else '≤'} {one['limit']} {one['unit']}".strip()


def sentence(one: dict) -> str:
    state = "reached" if one["reached"] else "NOT REACHED"
    return f"{one['figure']}: {number(one['value'])} {one['unit']}".strip() + f" (wanted {bound(one)}): {state}"


def beside(one: dict) -> str:
    """What the figure was made of."""
    if "beside" in one:
        return one["beside"]
    if "ours_s" in one:
        return f"{one['ours_s']:.2f} s against {one['peer_s']:.2f} s"
    if "llama_server" in one:
        ours, peer = one["ours"], one["peer"]
        return (f"{ours['first_ms']:.0f} ms, then {ours['steady_ms']:.0f} ms; llama-server {one['llama_server']:.1f} × "
                f"({peer['first_ms']:.0f} ms, then {peer['steady_ms']:.0f} ms, "
                f"and {peer['growth_after_ready_bytes'] / 2**20:.0f} MiB more)")
    if "ours_per_s" in one:
        told = f"{one['ours_per_s']:.1f} against {one['peer_per_s']:.1f} {one.get('unit_per_s', 'tokens/s')}"
        return told + (f"; llama-batched-bench {one['engines_own']:.2f} ×" if "engines_own" in one else "")
    if "peer_count" in one:
        return f"{one['ours_count']} against {one['peer_count']} of {one['peer_bytes'] / 2**20:.0f} MiB"
    if "listed_ms" in one:
        return f"{one['listed_ms']:.3f} ms from a list of the whole vocabulary"
    if "link_gb_per_s" in one:
        return (f"{one['gb_per_s']:.1f} of {one['link_gb_per_s']:.1f} GB/s; the whole load, header and vocabulary with it, "
                f"{one['load_ms']:.0f} ms, {one['whole_load_gb_per_s']:.1f} GB/s")
    if "share_ms" in one:
        return f"{one['ours_ms']:.1f} ms; the share alone {one['share_ms']:.1f}"
    if "peer" in one and isinstance(one["peer"], (int, float)):
        if "ours" in one:
            return f"{number(one['ours'])} against {number(one['peer'])}"
        return f"llama-server {number(one['peer'])} {one['unit']}"
    if "ours_ms" in one:
        return f"{one['ours_ms']:.0f} ms against {one['peer_ms']:.0f} ms"
    return ""


def table(head: str, rows: list) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows]) + "\n"


def rows_of(page: str, head: str) -> list:
    """The rows below that head; none where it is not there."""
    lines = page.splitlines()
    if head not in lines:
        return []
    rows = lines[lines.index(head) + 2:]
    return rows[:next((i for i, row in enumerate(rows) if not row.startswith("|")), len(rows))]


def merged(old: list, new: list) -> list:
    """New rows in the place of those of the same benchmark, which is a row's first cell. Benchmarks stay in order of their names."""
    name = lambda row: row.split("|")[1].strip()
    measured = {name(row) for row in new}
    return sorted([row for row in old if name(row) not in measured] + new, key=name)


def markdown(results: list, page: str = "") -> str:
    """What was measured now, and what the page tells of benchmarks that were not."""
    machine = []
    for field, label in (("cpu", "CPU"), ("cores", "cores"), ("plimsoll", "Plimsoll"), ("llama.cpp", "llama.cpp"), ("ggml", "ggml"),
                         ("mesa", "Mesa")):
        machine.append(f"| {label} | {', '.join(sorted({str(result['machine'][field]) for result in results}))} |")
    figures, when = [], []
    for result in results:
        name, where = result["benchmark"], result["machine"]
        for one in result["figures"]:
            value = f"{number(one['value'])} {one['unit']}".strip()
            figures.append(f"| {name} | {one['figure']} | {value} | {bound(one)} | {'yes' if one['reached'] else '**no**'} | {beside(one)} |")
        when.append(f"| {name} | {where['date']} | {where['kernel']} | {where['load_at_start']}, {where['load_at_end']} | "
                    f"{'few (--quick)' if result['quick'] else 'all'} |")
    return "\n".join([table(MACHINE, machine), table(FIGURES, merged(rows_of(page, FIGURES), figures)),
                      table(WHEN, merged(rows_of(page, WHEN), when))])


def main(arguments: list) -> int:
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    results = [result for result in results if result.get("schema") == "plimsoll.benchmark/1"]
    if not results:
        print("report.py: there are no results yet: run bench/run", file=sys.stderr)
        return 1
    if not arguments:
        print(markdown(results), end="")
        return 0
    if len(arguments) != 2 or arguments[0] != "--write":
        print("usage: report.py [--write FILE]", file=sys.stderr)
        return 2
    page = pathlib.Path(arguments[1])
    text = page.read_text()
    before, rest = text.split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{markdown(results, text)}{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
