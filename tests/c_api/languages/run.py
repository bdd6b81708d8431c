#!/usr/bin/env python3
"""The examples for C# and Node say what they promise, with the hook in front: run.py ROOT [csharp|node]...

What they need is brought by scripts/test-languages.sh."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = ROOT / "build/release/lib"
MODEL = ROOT / "models/demo/bosun-log.gguf"
ENVIRONMENT = {**os.environ, "GGML_VK_VISIBLE_DEVICES": "", "GGML_NO_BACKTRACE": "1", "LD_LIBRARY_PATH": str(LIBRARY),
               "PLIMSOLL_LIBRARY": str(LIBRARY / "libplimsoll.so.0")}
STORY = [r" Wind south-west, force 6\. .*", r"Day 13\. .*"]
COMMON = ["tracker: enforcing", r"over_budget.*; instead: .+", "thrown while loading: .*over board", "told of loading: [Tt]rue", *STORY]

CSHARP = [*COMMON, "ended by: Length", "answered: True", "without an e: True, told of tokens: True", "cancelled",
          "thrown in a callback: InvalidOperationException: over board",
          "thrown in a sampler: InvalidOperationException: out of the chain",
          r"a sampler that keeps nothing: PlimsollException: the sampler of one's own: of \d+ candidates it left 0",
          "wrong settings: PlimsollException: 'sampling' is not JSON", "after the end: PlimsollException: this model was closed already",
          r"numbers of a vector: \d+"]
NODE = [*COMMON, "ended by: length; the loop went on: true", "chat: user assistant true", "stopped: cancelled",
        "thrown in a callback: RangeError: over board", "wrong settings: PlimsollError: 'sampling' is not JSON",
        "after the end: PlimsollError: this model was closed already", r"numbers of a vector: \d+"]
FIRST = ["tracker: enforcing", "advice: ", "required: opened"]
BEHIND = ["tracker: advisory", "advice: libggml-base was loaded before libplimsoll.*LD_PRELOAD.*", "required: unsupported"]

# What the engine says of itself, and the log: everything else on stderr is a runtime's complaint.
LOG = re.compile(r"(plimsoll: warning: |ggml_\w+: |load_backend: ).*")

# What Mono writes to stdout now and then where it ends while its own threads wait.
MONO = "abort_threads: Failed aborting id"

passed = failed = 0


def expect(name: str, wanted: list[str], command: list, **environment: str) -> None:
    """Line by line what it writes, nothing beside it, and a good end."""
    global passed, failed
    with tempfile.TemporaryDirectory() as cache:
        said = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1200,
                              env={**ENVIRONMENT, "XDG_CACHE_HOME": cache, **environment})
    lines = [line for line in said.stdout.splitlines() if line and not line.startswith(MONO)]
    wrong = [f"line {at + 1}: {line!r} is no {pattern!r}" for at, (line, pattern) in enumerate(zip(lines, wanted)) if not re.fullmatch(pattern, line)]
    if len(lines) != len(wanted):
        wrong.append(f"{len(lines)} lines in the place of {len(wanted)}")
    wrong += [f"stderr: {line}" for line in said.stderr.splitlines() if not LOG.fullmatch(line)]
    if said.returncode != 0:
        wrong.append(f"exit status {said.returncode}")
    print(f"{'FAILED' if wrong else 'ok'}: {name}", *wrong, *(lines if wrong else []), sep="\n    ")
    passed, failed = passed + (not wrong), failed + bool(wrong)


def compiled(folder: pathlib.Path, name: str, main: pathlib.Path) -> pathlib.Path:
    binding = [ROOT / "examples/csharp" / file for file in ("Native.cs", "Plimsoll.cs", "Generation.cs", "Sampler.cs", "Asked.cs")]
    program = folder / f"{name}.exe"
    subprocess.run(["mcs", "-langversion:7.2", "-warnaserror+", f"-out:{program}", *binding, main], check=True)
    return program


def csharp() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(pathlib.Path(folder), "program", ROOT / "examples/csharp/Program.cs")
        expect("C#: the example", CSHARP, ["mono", program, MODEL])
        probe = compiled(pathlib.Path(folder), "llama_first", HERE / "LlamaFirst.cs")
        expect("C#: P/Invoke, Plimsoll first", FIRST, ["mono", probe])
        expect("C#: P/Invoke, libllama first", BEHIND, ["mono", probe, "llama"])
        expect("C#: P/Invoke, libllama first, mended", FIRST, ["mono", probe, "llama"], LD_PRELOAD=str(LIBRARY / "libplimsoll.so.0"))


def node() -> None:
    folder = ROOT / "build/languages"  # where koffi is
    for file in ("plimsoll.mjs", "story.mjs"):
        (folder / file).write_bytes((ROOT / "examples/node" / file).read_bytes())
    expect("Node: the example", NODE, ["node", folder / "story.mjs", MODEL])


for part in sys.argv[2:] or ["csharp", "node"]:
    {"csharp": csharp, "node": node}[part]()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
