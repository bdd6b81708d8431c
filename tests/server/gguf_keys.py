"""A GGUF file with further keys in its header, for tests."""
import io
import pathlib
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
UINT32, STRING, ARRAY = 4, 8, 9


def number(file, form):
    return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0]


def skip_text(file):
    file.seek(number(file, "Q"), io.SEEK_CUR)


def skip_value(file, kind):
    if kind == STRING:
        skip_text(file)
    elif kind == ARRAY:
        inner, count = number(file, "I"), number(file, "Q")
        for _ in range(count):
            skip_value(file, inner)
    else:
        file.seek(SIZES[kind], io.SEEK_CUR)


def with_keys(source, target, keys):
    """Copies `source` to `target`; `keys`: names and whole numbers."""
    data = pathlib.Path(source).read_bytes()
    file = io.BytesIO(data)
    file.seek(8)
    tensors, pairs = number(file, "Q"), number(file, "Q")
    for _ in range(pairs):
        skip_text(file)
        skip_value(file, number(file, "I"))
    end_of_keys = file.tell()
    for _ in range(tensors):
        skip_text(file)
        file.seek(8 * number(file, "I") + 12, io.SEEK_CUR)
    end_of_header = file.tell()
    padded = lambda size: -(-size // 32) * 32
    more = b"".join(struct.pack("<Q", len(k)) + k.encode() + struct.pack("<II", UINT32, v) for k, v in keys.items())
    header = data[:16] + struct.pack("<Q", pairs + len(keys)) + data[24:end_of_keys] + more + data[end_of_keys:end_of_header]
    with open(target, "wb") as out:
        out.write(header.ljust(padded(len(header)), b"\0") + data[padded(end_of_header):])
