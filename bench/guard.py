"""What `plimsoll guard` costs, and what it gives llama-server: an allocation, tokens per second, the first request."""
from first_request import llama_server
from measure import (CORES, PLIMSOLL, Run, alternating, environment, figure, fresh_folder, median, median_ratio, program, say,
                     small_model)

ALLOCATION_LIMIT = 5  # µs
SPEED_LIMIT = 0.99
FIRST_LIMIT = 1.25
GROWTH_LIMIT = 2 << 20
GUARD = (PLIMSOLL, "guard", "--quiet", "--")

# In one process, by a binding of another language: its own cost is in both and goes out of the difference.
ALLOCATIONS = """
import ctypes, time
ggml = ctypes.CDLL("libggml.so.0")
base = ctypes.CDLL("libggml-base.so.0")
base.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
allocate, free = base.ggml_backend_buft_alloc_buffer, base.ggml_backend_buffer_free
allocate.restype, allocate.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t], [ctypes.c_void_p]
ggml.ggml_backend_dev_count()
kind = base.ggml_backend_cpu_buffer_type()
def once(n):
    begin = time.perf_counter()
    for _ in range(n):
        free(allocate(kind, 4096))
    return (time.perf_counter() - begin) / n * 1e6
once(1000)
print(min(once(5000) for _ in range(9)))
"""


def allocation(env: dict, before_it=()) -> float:
    return float(Run([*before_it, program("python3"), "-c", ALLOCATIONS], env).out)


def speed(model: str, env: dict, before_it=()) -> float:
    run = Run([*before_it, program("llama-bench"), "-m", model, "-p", "0", "-n", "128", "-r", "3", "-ngl", "0", "-t", str(CORES), "-o", "json"], env)
    return run.json()[0]["avg_ts"]


def measure(quick: bool):
    model, samples, count = small_model(), {}, 3 if quick else 9
    env = environment()
    guarded, alone = alternating(count, lambda: allocation(env, GUARD), lambda: allocation(env))
    samples["allocation_us"] = {"guarded": guarded, "alone": alone}
    figures = [figure("an allocation and its free, guarded less alone", median(guarded) - median(alone), ALLOCATION_LIMIT, "µs")]
    say(f"  allocation {median(guarded):.2f} µs, alone {median(alone):.2f} µs")

    cpu = environment(GGML_VK_VISIBLE_DEVICES="")
    guarded, alone = alternating(count, lambda: speed(model, cpu, GUARD), lambda: speed(model, cpu))
    samples["tokens_per_second"] = {"guarded": guarded, "alone": alone}
    figures.append(figure("tokens per second, guarded ÷ alone", median_ratio(guarded, alone), SPEED_LIMIT, "×", at_least=True))
    say(f"  tokens per second {median(guarded):.0f}, alone {median(alone):.0f}")

    runs = samples["first_request"] = {"guarded": [], "alone": []}
    for i in range(1 if quick else 3):
        for name, before_it in (("guarded", GUARD), ("alone", ())):
            cold = environment(MESA_SHADER_CACHE_DIR=fresh_folder(f"pipelines-guard-{name}"))
            one = llama_server(model, cold, before_it)
            runs[name].append(one)
            say(f"  llama-server {name}: first {one['first_ms']:.1f} ms, steady {one['steady_ms']:.1f} ms")
    ratio = {name: median(one["first_ms"] / one["steady_ms"] for one in all_of_it) for name, all_of_it in runs.items()}
    growth = {name: median(one["growth_after_ready_bytes"] for one in all_of_it) for name, all_of_it in runs.items()}
    figures.append(figure("llama-server, cold pipeline cache: first ÷ steady request", ratio["guarded"], FIRST_LIMIT, "×", alone=ratio["alone"]))
    figures.append(figure("llama-server: growth after ready", growth["guarded"], GROWTH_LIMIT, "B", alone=growth["alone"]))
    return figures, samples
