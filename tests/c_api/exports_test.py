#!/usr/bin/env python3
"""What libplimsoll.so.0 shows is what plimsoll.h declares and what the hook stands in front of, and nothing else:
exports_test.py NM LIBRARY HEADER INTERPOSE"""
import pathlib
import re
import subprocess
import sys

nm, library, header, interpose = sys.argv[1:]
shown = set()
for line in subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout.splitlines():
    _, kind, name = line.split()
    if kind != "A":  # the name of the version
        shown.add((kind, name))
declared = set(re.findall(r"^PLIMSOLL_(?:API|CHECKED)\s[^;]*?\b(plimsoll_\w+)\(", pathlib.Path(header).read_text(), re.M))
hooked = set(re.findall(r"^PLIMSOLL_INTERPOSE\s[^;{]*?\b(ggml_\w+)\(", pathlib.Path(interpose).read_text(), re.M))
assert len(declared) > 100 and len(hooked) > 10, (len(declared), len(hooked))

wanted = {("T", f"{name}@@PLIMSOLL_0") for name in declared | hooked}
for kind, name in sorted(shown - wanted):
    print(f"shown, and not declared: {kind} {name}")
for kind, name in sorted(wanted - shown):
    print(f"declared, and not shown: {name}")
if shown != wanted:
    sys.exit(1)
print(f"{len(declared)} functions of plimsoll.h and {len(hooked)} of ggml's are shown, and nothing else")
