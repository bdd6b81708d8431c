"""How fast weights reach a device: the engine's own way, ours from the page cache, and from host memory that was kept, against the link's
speed from pinned memory in the same run. On a card it has a limit; on the software GPU there is no link, and only what arrives is judged.

PLIMSOLL_BENCH_DEVICE names a card (CUDA0), PLIMSOLL_BENCH_MODEL a file; without one an 8 B shape is written, whose weights are zero."""
import os
import pathlib

import gguf
from measure import RESULTS, Run, environment, figure, median, program, say

LINK = 0.6     # of the link's pinned speed, from the first weight's setting out to the last one's arrival
SOFTWARE = ("llvmpipe", "lavapipe", "swiftshader")


def large(path: str) -> int:
    """A llama of 8 B: 32 layers, 4,096 wide, 128,256 words, Q4_K; 4.4 GB in a sparse file."""
    shape = dict(layers=32, width=4096, hidden=14336, heads=32, kv_heads=8, vocab=128256)
    return gguf.write(path, gguf.llama_keys(**shape, context=8192) | gguf.bpe_vocabulary(shape["vocab"]),
                      gguf.llama_tensors(**shape, matrix="Q4_K", output="Q6_K"))


def model(on_a_card: bool) -> str:
    if given := os.environ.get("PLIMSOLL_BENCH_MODEL"):
        return given
    name, write = ("zero-8b-q4_k", large) if on_a_card else ("random-embedder", gguf.random_embedder)
    path = RESULTS / f"{name}.gguf"
    if not path.exists():
        say(f"  writing {path.name}")
        write(str(path))
    return str(path)


def speeds(loads: list, of: str) -> float:
    """GB/s of the whole load, or of the part in which weights were on their way."""
    return median(one["upload_bytes"] / one[of] / 1e6 for one in loads)


def arrived(told: dict) -> float:
    loads = told["loads"]
    return float(loads["same_text"] and loads["as_asked"] and loads["nothing_left"])


def measure(quick: bool):
    device = os.environ.get("PLIMSOLL_BENCH_DEVICE", "Vulkan0")
    path = model(device != "Vulkan0")
    command = [program("load_speed"), "-m", path, "--device", device, "--rounds", "2" if quick else "5"]
    told = Run(command, environment()).json()
    what = f"{pathlib.Path(path).name}, {told['description']}"
    loads, link = told["loads"], told["link"].get("pinned_gb_s", 0.0)
    engine = median(one["load_ms"] for one in loads["engine"])
    ours, kept = (median(one["load_ms"] for one in loads[way]) for way in ("ours", "kept"))
    say(f"  {told['bytes'] / 1e9:.2f} GB, load: engine {engine:.0f} ms, ours {ours:.0f} ms, kept {kept:.0f} ms; "
        f"link {link:.1f} GB/s pinned, {told['link']['pageable_gb_s']:.1f} pageable")
    figures = [figure(f"the same words, every weight our way, nothing left in the accounting, {what}", arrived(told), 1, "", at_least=True)]
    if any(name in told["description"].lower() for name in SOFTWARE):
        return figures, told
    for way, says in (("ours", "from the page cache"), ("kept", "from memory that was kept")):
        figures.append(figure(f"weights to the device {says} ÷ the link from pinned memory, {what}", speeds(loads[way], "upload_ms") / link, LINK, "×",
                              at_least=True, gb_per_s=speeds(loads[way], "upload_ms"), whole_load_gb_per_s=speeds(loads[way], "load_ms"),
                              load_ms=ours if way == "ours" else kept, link_gb_per_s=link))
    figures.append(figure(f"whole load, ours ÷ the engine's, {what}", ours / engine, 1, "×", ours_ms=ours, peer_ms=engine))
    return figures, told
