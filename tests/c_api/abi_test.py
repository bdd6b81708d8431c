#!/usr/bin/env python3
"""The ABI of plimsoll.h is the one that is committed: abi_test.py CC ABIDW ABIDIFF HEADER GOLDEN

Compiled are the header's own declarations, each with an empty body and debug information: what programs compile against.
That the library has these functions is the compiler's work (it includes the header) and c_api.exports'. The golden file is
of x86-64. With PLIMSOLL_UPDATE_GOLDEN=1 it is written anew; what breaks programs is said all the same."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

cc, abidw, abidiff, header, golden = sys.argv[1:]
declarations = re.findall(r"^PLIMSOLL_(?:API|CHECKED)\s+([^;]*);", pathlib.Path(header).read_text(), re.M)
assert len(declarations) > 100, len(declarations)

with tempfile.TemporaryDirectory() as folder:
    work = pathlib.Path(folder)
    bodies = "".join(f"{text} {{ __builtin_trap(); }}\n" for text in declarations)
    (work / "stub.c").write_text("#include <plimsoll.h>\n" + bodies)
    library, dump = work / "libplimsoll.so.0", work / "libplimsoll.abi"
    # What belongs to no function (enumerators) is numbers.c's.
    subprocess.run([cc, "-std=c11", "-g", "-shared", "-fPIC", "-Wl,-soname,libplimsoll.so.0",
                    f"-I{pathlib.Path(header).resolve().parent}", "stub.c", "-o", str(library)], check=True, cwd=work)
    subprocess.run([abidw, "--no-show-locs", "--no-corpus-path", "--no-comp-dir-path", "--out-file", str(dump), str(library)], check=True)
    if not os.path.exists(golden) and os.environ.get("PLIMSOLL_UPDATE_GOLDEN"):
        pathlib.Path(golden).write_bytes(dump.read_bytes())
    said = subprocess.run([abidiff, golden, str(dump)], capture_output=True, text=True)
    print(said.stdout + said.stderr, end="")
    if said.returncode & 3:
        sys.exit("abidiff could not compare them")
    if said.returncode & 8:
        print("this breaks programs that are built: it needs libplimsoll.so.1")
    if said.returncode and os.environ.get("PLIMSOLL_UPDATE_GOLDEN"):
        pathlib.Path(golden).write_bytes(dump.read_bytes())
        print(f"{golden} is written anew")
    elif said.returncode:
        sys.exit("the ABI is not the committed one: if it only grew, run this test with PLIMSOLL_UPDATE_GOLDEN=1")
    else:
        print(f"{len(declarations)} functions as committed")
