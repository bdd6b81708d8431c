"""Plan: the whole process, next to `llama-fit-params -fitp on` on the same file, alternating; cold and remembered."""
import gguf
from measure import (PLIMSOLL, RESULTS, Run, Unable, environment, figure, fresh_folder, median, median_ratio, program, say,
                     small_model)

COLD_LIMIT = 1.0
CACHED_LIMITS = {"large header": 0.3, "tiny model": 0.75}
REFUSED_LIMIT_S = 3.0
CONTEXT = ["-c", "4096"]


def models():
    large = RESULTS / "large-header.gguf"
    if not large.exists():
        gguf.large_header(str(large))
    # A few layers on the device, so that the plan uses both and fits on small machines: a refused plan also searches for
    # configurations that would fit, which its peer does not do in this mode.
    return {"large header": [str(large), "-ngl", "8"], "tiny model": [small_model(), "-ngl", "99"]}


def series(name: str, model: list, count: int) -> dict:
    peer_command = [program("llama-fit-params"), "-fitp", "on", "-m", *model, *CONTEXT]
    our_command = [PLIMSOLL, "plan", "-m", *model, *CONTEXT]
    pipelines = fresh_folder("plan-pipelines")  # one pipeline cache for both, warm before the first pair
    runs = {"cold": [], "cached": [], "peer": []}
    for i in range(count + 1):
        env = environment(MESA_SHADER_CACHE_DIR=pipelines, XDG_CACHE_HOME=fresh_folder("plan-store"))
        ours, peer = [], None
        for turn in ("ours", "peer") if i % 2 == 0 else ("peer", "ours"):
            if turn == "peer":
                peer = Run(peer_command, env)
            else:
                ours = [Run(our_command, env), Run(our_command, env)]
        if i > 0:  # the first pair warms page cache and pipeline cache
            for key, one in zip(runs, [*ours, peer]):
                runs[key].append({"wall_s": one.wall})  # its CPU time would leave the child out
    return runs


def refused(count: int) -> list:
    """All layers of the large header on the device, which holds half of them: refused, with alternatives. Cold."""
    command = [PLIMSOLL, "plan", "-m", str(RESULTS / "large-header.gguf"), "-ngl", "99", "--json", *CONTEXT]
    pipelines, walls = fresh_folder("plan-pipelines"), []
    for _ in range(count + 1):  # the first warms page cache and pipeline cache
        run = Run(command, environment(MESA_SHADER_CACHE_DIR=pipelines, XDG_CACHE_HOME=fresh_folder("plan-store")), ok=(3,))
        if not run.json()["alternatives"]:
            raise Unable("the refused plan of the large header found nothing that would fit")
        walls.append({"wall_s": run.wall})
    return walls[1:]


def measure(quick: bool):
    figures, samples = [], {}
    for name, model in models().items():
        say(f"  {name}")
        runs = samples[name] = series(name, model, 3 if quick else 11)
        wall = {key: [one["wall_s"] for one in all_runs] for key, all_runs in runs.items()}
        for key, limit in (("cold", COLD_LIMIT), ("cached", CACHED_LIMITS[name])):
            figures.append(figure(f"{key} plan ÷ llama-fit-params, {name}", median_ratio(wall[key], wall["peer"]), limit, "×",
                                  ours_s=median(wall[key]), peer_s=median(wall["peer"])))
    say("  large header, refused")
    samples["refused"] = refused(3 if quick else 7)
    figures.append(figure("cold plan refused with alternatives, large header",
                          median(one["wall_s"] for one in samples["refused"]), REFUSED_LIMIT_S, "s"))
    return figures, samples
