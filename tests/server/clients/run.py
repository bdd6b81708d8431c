#!/usr/bin/env python3
"""Clients of other languages, and a browser, against one `plimsoll serve`. run.py PROGRAM [PART]...

PART is openai, anthropic, ollama, ai, langchain or dashboard; without any: all. What they need is installed by scripts/test-clients.sh. Screenshots of
the dashboard go to build/dashboard."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from serving import BOSUN, MATE, ROOT, Serving, docs_row  # noqa: E402

KEY = "starboard"
# The log's context is so long that no answer which a test lets go of would have ended by itself.
FLEET = f"""
budgets = ["CPU=2GiB"]

[[model]]
name = "mate-chat"
path = "{MATE}"
parallel = 2
ctx-size = 4096

[[model]]
name = "bosun-log"
path = "{BOSUN}"
parallel = 2
ctx-size = 65536
preset = [{{name = "careful", system = "Think twice.", thinking = false, sampling = {{temperature = 0.25}}}}]

[[model]]
name = "vectors"
path = "{MATE}"
embeddings = true
pooling = "mean"
ctx-size = 256

[[model]]
name = "thinker"
path = "thinker.gguf"
ctx-size = 2048
"""
# Its answer begins inside a thought, which the demo model never ends. In the place of its template another one, as long.
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
THINKING = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
            "{{ '<|im_start|>assistant\\n<think>\\n' }}")
COMMON = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\n'


def thinker():
    model, comment = pathlib.Path(MATE).read_bytes(), len(TEMPLATE) - len(THINKING) - len("{##}")
    assert model.count(TEMPLATE.encode()) == 1
    return model.replace(TEMPLATE.encode(), (THINKING + "{#" + " " * comment + "#}").encode())


def passed_of(tap):
    return int(re.search(r"(?m)^# pass (\d+)$", tap.read_text())[1]) if tap.exists() else 0


def main(program, *wanted):
    sdks = {"openai": "openai", "anthropic": "@anthropic-ai/sdk", "ollama": "ollama", "ai": "ai with its providers", "langchain": "@langchain"}
    tallies = tempfile.TemporaryDirectory()
    parts = {name: ["node", "--test", "--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=tap",
                    f"--test-reporter-destination={tallies.name}/{name}", HERE / f"{name}_test.mjs"] for name in sdks}
    parts["dashboard"] = ["node", HERE.parent / "dashboard/dashboard_test.mjs"]
    if unknown := set(wanted) - parts.keys():
        sys.exit(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as folder:
        fleet = pathlib.Path(folder) / "fleet.toml"
        fleet.write_text(FLEET.replace("[[model]]\n", "[[model]]\n" + COMMON))
        (fleet.parent / "thinker.gguf").write_bytes(thinker())
        server = Serving(program, fleet, "--api-key", KEY)
        results = []
        try:
            environment = {**os.environ, "PLIMSOLL_URL": server.url, "PLIMSOLL_KEY": KEY, "PLIMSOLL_PID": str(server.process.pid)}
            environment.setdefault("PLIMSOLL_CHROMIUM", "/usr/bin/chromium-headless-shell")
            parts["dashboard"] += [server.url, ROOT / "build/dashboard"]
            for name in wanted or parts:
                print(f"== {name}", flush=True)
                begin = time.monotonic()
                try:
                    status = subprocess.run(parts[name], env=environment, timeout=600).returncode
                except subprocess.TimeoutExpired:
                    status = "it took longer than 10 minutes"
                results.append((name, status, time.monotonic() - begin))
        finally:
            log = server.log_text()
            status = server.stop()
        results.append(("the server's own end", status, 0))
    if sdks.keys() <= set(wanted or parts):
        passed = {name: passed_of(pathlib.Path(tallies.name) / name) for name in sdks}
        row = f" {sum(passed.values())}: " + ", ".join(f"{sdk} {passed[name]}" for name, sdk in sdks.items()) + " |"
        results.append(("figures in the docs", docs_row("docs/server.md", "| Checks with clients from npm |", row) or 0, 0))
    failed = [name for name, status, _ in results if status != 0]
    if failed:
        print("== the server's log, its end\n" + log[-6000:])
    print("== summary")
    for name, status, seconds in results:
        print(f"{name:<22} {'passed' if status == 0 else f'FAILED ({status})':<12} {seconds:6.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
