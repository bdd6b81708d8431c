"""What the stand-in for the server says that it has: devices, models, presets, ways out."""
MIB = 1 << 20
GIB = 1 << 30
FLEET = {  # name -> compute group, slots, plan by (device, stage)
    "mate": ("main", 4, {("CUDA0", "weights"): 4683 * MIB, ("CUDA0", "kv_cache"): 1024 * MIB, ("CUDA0", "output"): 3 * MIB,
                         ("CPU", "output"): 2 * MIB}),
    "bosun": ("main", 8, {("CUDA0", "weights"): 7921 * MIB + 12345, ("CUDA0", "kv_cache"): 2304 * MIB, ("CUDA0", "adapter"): 168 * MIB}),
    "lookout": ("watch", 2, {("Vulkan1", "weights"): 2480 * MIB, ("Vulkan1", "kv_cache"): 640 * MIB, ("Vulkan1", "projector"): 812 * MIB,
                             ("Vulkan1", "compute"): 304 * MIB, ("CPU", "weights"): 96 * MIB}),
    "sea \"log\" <b>&amp;/\\": ("watch", 1, {("Vulkan1", "weights"): 1100 * MIB, ("Vulkan1", "kv_cache"): 220 * MIB}),
    "leviathan": ("main", 1, {("CUDA0", "weights"): 38 * GIB, ("CUDA0", "kv_cache"): 4 * GIB}),
}
OTHERS = {
    "backends": {("CUDA0", "runtime"): 412 * MIB, ("Vulkan1", "runtime"): 128 * MIB},
    "group:main": {("CUDA0", "compute"): 584 * MIB, ("CPU", "compute"): 48 * MIB},
    "group:watch": {("Vulkan1", "compute"): 96 * MIB},
}
DEVICES = {  # name -> description, total, budget, what others hold; None: unknown
    "CUDA0": ("NVIDIA GeForce RTX 4090", 24564 * MIB, 22108 * MIB, 1180 * MIB),
    "Vulkan1": ("AMD Radeon RX 7600 (RADV)", 8176 * MIB, 7358 * MIB, 410 * MIB),
    "CPU": ("AMD Ryzen 9 7950X", 64216 * MIB, 512 * MIB, 9800 * MIB),
    "RPC0": ("a device that no probe knows", None, None, None),
}
CELLS = {"mate": 32768, "bosun": 65536, "lookout": 8192, "leviathan": 131072}
PRESETS = {"bosun": [
    {"name": "careful", "aliases": ["calm"], "settings": {"system": "Think <b>twice</b>.", "thinking": False, "sampling": {"temperature": 0.25, "top_k": 20}}},
    {"name": "short", "aliases": [], "settings": {"ctx-size": 512}}]}
WAYS = [{"flags": ["-c", "4096", "-ctk", "q8_0"], "keys": {"ctx-size": 4096, "cache-type-k": "q8_0"}, "cost": "a shorter context; hardly any loss of quality",
         "changes": [{"param": "n_ctx", "from": "131072", "to": "4096"}, {"param": "type_k", "from": "f16", "to": "q8_0"}], "required": {"CUDA0": 21 * GIB}},
        {"flags": ["-ngl", "20"], "keys": {"gpu-layers": 20}, "cost": "layers computed on the host: slower",
         "changes": [{"param": "n_gpu_layers", "from": "all", "to": "20"}], "required": {"CUDA0": 19 * GIB}}]
STAGE_ORDER = ["weights", "kv_cache", "compute", "output", "adapter", "projector", "runtime"]
