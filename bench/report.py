#!/usr/bin/env python3
"""Markdown from build/bench/*.json: report.py prints it; report.py --write FILE puts it between the file's two markers."""
import json
import pathlib
import sys

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "build/bench"
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
    if "ours_s" in one:
        return f"{one['ours_s']:.2f} s against {one['peer_s']:.2f} s"
    if "llama_server" in one:
        ours, peer = one["ours"], one["peer"]
        return (f"{ours['first_ms']:.0f} ms, then {ours['steady_ms']:.0f} ms; llama-server {one['llama_server']:.1f} × "
                f"({peer['first_ms']:.0f} ms, then {peer['steady_ms']:.0f} ms, "
                f"and {peer['growth_after_ready_bytes'] / 2**20:.0f} MiB more)")
    if "ours_per_s" in one:
        return f"{one['ours_per_s']:.1f} against {one['peer_per_s']:.1f} {one.get('unit_per_s', 'tokens/s')}"
    return ""


def markdown(results: list) -> str:
    lines = []
    for field, label in (("cpu", "CPU"), ("cores", "cores"), ("kernel", "kernel"), ("plimsoll", "Plimsoll"), ("llama.cpp", "llama.cpp"),
                         ("ggml", "ggml"), ("mesa", "Mesa")):
        values = sorted({str(result["machine"][field]) for result in results})
        lines.append(f"| {label} | {', '.join(values)} |")
    lines = ["| machine | |", "|---|---|", *lines, "", "| figure | measured | wanted | reached | made of |", "|---|---|---|---|---|"]
    for result in results:
        for one in result["figures"]:
            value = f"{number(one['value'])} {one['unit']}".strip()
            lines.append(f"| {one['figure']} | {value} | {bound(one)} | {'yes' if one['reached'] else '**no**'} | {beside(one)} |")
    lines += ["", "| benchmark | measured on | load before and after | repetitions |", "|---|---|---|---|"]
    for result in results:
        machine = result["machine"]
        lines.append(f"| {result['benchmark']} | {machine['date']} | {machine['load_at_start']}, {machine['load_at_end']} | "
                     f"{'few (--quick)' if result['quick'] else 'all'} |")
    return "\n".join(lines) + "\n"


def main(arguments: list) -> int:
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    results = [result for result in results if result.get("schema") == "plimsoll.benchmark/1"]
    if not results:
        print("report.py: there are no results yet: run bench/run", file=sys.stderr)
        return 1
    text = markdown(results)
    if not arguments:
        print(text, end="")
        return 0
    if len(arguments) != 2 or arguments[0] != "--write":
        print("usage: report.py [--write FILE]", file=sys.stderr)
        return 2
    page = pathlib.Path(arguments[1])
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
