#!/usr/bin/env python3
"""Copies of a C library and a C++ library that define more than a bundle's do: newer_library.py FOLDER OUT BUNDLE

There is no newer system to try a bundle on than the one it is made of. So the bundle's libraries are made to look older: in
their tables of versions the newest name is changed, which a program that needs it does not see, since it is given the
copy in OUT, whose tables are whole.
"""
import pathlib
import shutil
import struct
import sys

C_LIBRARY = ["ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libmvec.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1",
             "libresolv.so.2"]
SHT_GNU_VERDEF = 0x6FFFFFFD


def newest_name_offset(data: bytes) -> int:
    """Where the name of the last public version stands in the file."""
    sections_at, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, sections_at + i * size) for i in range(count)]
    definitions = next(section for section in sections if section[1] == SHT_GNU_VERDEF)
    names_at = sections[definitions[6]][4]
    offset, found = definitions[4], []
    for _ in range(definitions[7]):
        aux, following = struct.unpack_from("<II", data, offset + 12)
        name, = struct.unpack_from("<I", data, offset + aux)
        text = data[names_at + name:data.index(b"\0", names_at + name)].decode()
        if "PRIVATE" not in text and "TUNABLES" not in text:
            found.append((text, names_at + name))
        offset += following
    key = lambda entry: [int(part) for part in entry[0].rpartition("_")[2].split(".") if part.isdigit()]
    return max((entry for entry in found if entry[0].startswith(("GLIBC_2", "GLIBCXX_3"))), key=key)[1]


def make_older(path: pathlib.Path) -> None:
    data = bytearray(path.read_bytes())
    data[newest_name_offset(data)] = ord("X")
    path.write_bytes(data)


def main() -> None:
    folder, out, bundle = map(pathlib.Path, sys.argv[1:])
    out.mkdir()
    for name in C_LIBRARY + ["libstdc++.so.6", "libgcc_s.so.1"]:
        shutil.copy(folder / name, out / name)
    make_older(bundle / "lib/glibc/libc.so.6")
    make_older(bundle / "lib/shared/libstdc++.so.6/libstdc++.so.6")


main()
