"""A GGUF file with further keys in its header, for tests."""
import io
import pathlib
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
UINT32, BOOL, STRING, ARRAY = 4, 7, 8, 9


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


def numbers_of(source, names):
    """The whole numbers of 32 bits among these keys, by name."""
    file = io.BytesIO(pathlib.Path(source).read_bytes())
    file.seek(16)
    found = {}
    for _ in range(number(file, "Q")):
        name = file.read(number(file, "Q")).decode()
        kind = number(file, "I")
        if name in names and kind == UINT32:
            found[name] = number(file, "I")
        else:
            skip_value(file, kind)
    return found


def written(name, value):
    """A key with its value: a text, True or False, or a whole number."""
    key = struct.pack("<Q", len(name)) + name.encode()
    if isinstance(value, bool):
        return key + struct.pack("<I?", BOOL, value)
    if isinstance(value, str):
        return key + struct.pack("<IQ", STRING, len(value.encode())) + value.encode()
    return key + struct.pack("<II", UINT32, value)


def with_keys(source, target, keys):
    """Copies `source` to `target`; `keys` stand beside its own, or in the place of those that have the same name."""
    data = pathlib.Path(source).read_bytes()
    file = io.BytesIO(data)
    file.seek(8)
    tensors, pairs = number(file, "Q"), number(file, "Q")
    kept = []
    for _ in range(pairs):
        begin = file.tell()
        name = file.read(number(file, "Q")).decode()
        skip_value(file, number(file, "I"))
        if name not in keys:
            kept.append(data[begin:file.tell()])
    end_of_keys = file.tell()
    for _ in range(tensors):
        skip_text(file)
        file.seek(8 * number(file, "I") + 12, io.SEEK_CUR)
    end_of_header = file.tell()
    padded = lambda size: -(-size // 32) * 32
    pieces = kept + [written(name, value) for name, value in keys.items()]
    header = data[:16] + struct.pack("<Q", len(pieces)) + b"".join(pieces) + data[end_of_keys:end_of_header]
    with open(target, "wb") as out:
        out.write(header.ljust(padded(len(header)), b"\0") + data[padded(end_of_header):])
