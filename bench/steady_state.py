"""Steady state: a thousand mixed decodes after readiness, on the CPU and on the Vulkan software device."""
from measure import Run, environment, figure, fresh_folder, program, say, small_model

GROWTH_LIMIT_MIB = 2.0


def measure(quick: bool):
    figures, samples = [], {}
    pipelines = fresh_folder("steady-pipelines")
    for device, arguments in (("CPU", ["--device", "none"]), ("Vulkan", [])):
        decodes = 200 if quick else 1000
        command = [program("steady_state"), small_model(), "--decodes", str(decodes), *arguments]
        told = samples[device] = Run(command, environment(MESA_SHADER_CACHE_DIR=pipelines), ok=(0, 1)).json()
        say(f"  {device}: {told['decodes']} decodes, violations: {told['violations'] or 'none'}")
        allocations = told["allocations"] + told["refused_after_seal"]
        growth = told["growth_bytes"] / 2**20
        figures += [
            figure(f"ggml allocations in {decodes} mixed decodes, {device}", allocations, 0),
            figure(f"graph re-allocations in {decodes} mixed decodes, {device}", told["graph_reallocations"], 0),
            figure(f"growth in {decodes} mixed decodes, {device}", growth, GROWTH_LIMIT_MIB, "MiB"),
        ]
    return figures, samples
