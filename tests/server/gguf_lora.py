"""A LoRA that fits a demo model, with numbers of no meaning, for tests."""
import struct

from gguf_keys import written


def write_lora(target, numbers, layers, width_in, width_out, rank=4, architecture="llama"):
    """Of each layer's queries; `numbers` fill both matrices again and again."""
    keys = [written("general.architecture", architecture), written("general.type", "adapter"),
            written("adapter.type", "lora"), struct.pack("<Q", 18) + b"adapter.lora.alpha" + struct.pack("<If", 6, rank)]
    infos, data = [], b""
    for layer in range(layers):
        for name, shape in (("lora_a", (width_in, rank)), ("lora_b", (rank, width_out))):
            full = f"blk.{layer}.attn_q.weight.{name}".encode()
            infos.append(struct.pack("<Q", len(full)) + full + struct.pack("<IQQIQ", 2, *shape, 0, len(data)))
            count = shape[0] * shape[1]
            data += struct.pack(f"<{count}f", *(numbers[i % len(numbers)] for i in range(count)))
            data = data.ljust(-(-len(data) // 32) * 32, b"\0")
    header = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys)) + b"".join(keys) + b"".join(infos)
    with open(target, "wb") as out:
        out.write(header.ljust(-(-len(header) // 32) * 32, b"\0") + data)
