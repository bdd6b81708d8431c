#!/usr/bin/env python3
"""Every function of plimsoll.h with nothing, with what is gone and with what never was: a sentence each time, out parameters that are
empty, and nothing worse: every_function_test.py HEADER"""
import ctypes
import os
import pathlib
import re
import sys
import unittest

HEADER = pathlib.Path(sys.argv.pop()).read_text()
library = ctypes.CDLL(os.environ["PLIMSOLL_LIBRARY"])
USAGE = int(re.search(r"PLIMSOLL_USAGE = (\d+)", HEADER)[1])
KINDS = set(re.findall(r"^typedef struct plimsoll_\w+ (plimsoll_\w+);", HEADER, re.M)) - {"plimsoll_error"}
NUMBERS = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64,
           "size_t": ctypes.c_size_t, "plimsoll_bool": ctypes.c_int32}
GARBAGE = b"\xaa" * 8


class Parameter:
    def __init__(self, text):
        self.type, self.name = re.fullmatch(r"(.*?)(\w+)", text.strip()).groups()
        self.type = self.type.strip()
        self.is_handle = self.type.rstrip("* ") in KINDS and self.type.count("*") == 1
        # Written by the function: `char **json`, `uint64_t *count`, `const char **piece`; a list to be read has an element that is const.
        stars = self.type.count("*")
        self.is_place = stars == 2 and "*const" not in self.type or stars == 1 and self.type.rstrip("* ") in NUMBERS
        self.width = 4 if self.type in ("plimsoll_bool *", "int32_t *", "uint32_t *") else 8  # of what is written there
        self.is_text = self.type == "const char *"
        self.c = NUMBERS.get(self.type, ctypes.c_void_p)


class Function:
    def __init__(self, name, parameters):
        self.name = name
        self.parameters = [Parameter(text) for text in parameters.split(",") if text.strip() != "void"]
        self.call = getattr(library, name)
        self.call.restype = ctypes.c_void_p
        self.call.argtypes = [p.c for p in self.parameters]

    @property
    def has_handle(self):
        return any(p.is_handle for p in self.parameters)


DECLARED = r"^PLIMSOLL_(?:API|CHECKED) plimsoll_error \*(plimsoll_\w+)\(([^;]*)\);"
FUNCTIONS = [Function(*found) for found in re.findall(DECLARED, re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S), re.M)]
library.plimsoll_error_code.argtypes = library.plimsoll_error_free.argtypes = [ctypes.c_void_p]
library.plimsoll_error_message.argtypes, library.plimsoll_error_message.restype = [ctypes.c_void_p], ctypes.c_char_p


class EveryFunction(unittest.TestCase):
    def look(self, function, error):
        """Its code and its sentence; an error of closing need not be freed, and may be."""
        code, said = library.plimsoll_error_code(error), library.plimsoll_error_message(error).decode()
        library.plimsoll_error_free(error)
        self.assertIn(code, (0, USAGE), f"{function.name}: {said}")
        self.assertEqual(said == "", code == 0, function.name)
        return code, said

    def call(self, function, handle, places):
        """With this handle in the place of each, and the places where there are any."""
        arguments = []
        for p in function.parameters:
            if p.is_place and places is not None:
                places.append((ctypes.create_string_buffer(GARBAGE, len(GARBAGE)), p.width))
                arguments.append(ctypes.addressof(places[-1][0]))
            elif p.is_text and places is not None:
                arguments.append(ctypes.cast(ctypes.c_char_p(b"x"), ctypes.c_void_p))
            else:
                arguments.append(handle if p.is_handle else 0)
        return self.look(function, function.call(*arguments))

    def test_they_were_found(self):
        self.assertGreater(len(FUNCTIONS), 90)
        self.assertGreater(len(KINDS), 12)

    def test_nothing_at_all(self):
        for function in FUNCTIONS:
            code, said = self.call(function, 0, None)
            does_nothing = function.name.endswith("_close") or function.name == "plimsoll_free"
            self.assertEqual(code == 0, does_nothing, f"{function.name}: {said}")

    def test_no_handle_leaves_empty_places(self):
        for function in (f for f in FUNCTIONS if f.has_handle and not f.name.endswith("_close")):
            places = []
            code, _ = self.call(function, 0, places)
            self.assertEqual(code, USAGE, function.name)
            self.assertTrue(all(not any(place.raw[:width]) for place, width in places), function.name)

    def test_what_is_gone_and_what_never_was(self):
        stop = ctypes.c_void_p()
        library.plimsoll_stop_create(ctypes.byref(stop))
        library.plimsoll_stop_close(stop)
        somewhere = ctypes.create_string_buffer(64)
        for handle in (stop.value, 1, 2, 0x7F, 2**64 - 1, 2**63 + 5, ctypes.addressof(somewhere)):
            for function in (f for f in FUNCTIONS if f.has_handle):
                code, said = self.call(function, handle, [])
                self.assertEqual(code, USAGE, f"{function.name} of {handle:#x}: {said}")
            for name in ("code", "name", "message", "numbers"):
                getattr(library, f"plimsoll_error_{name}")(ctypes.c_void_p(handle))
            library.plimsoll_error_free(ctypes.c_void_p(handle))

    def test_options_of_no_size_and_of_every_other(self):
        for function in (f for f in FUNCTIONS if f.name.endswith("_options_init")):
            room = ctypes.create_string_buffer(b"\xaa" * 8192, 8192)
            taken = [size for size in range(8192) if self.look(function, function.call(ctypes.addressof(room), size))[0] == 0]
            self.assertEqual(taken, list(range(taken[0], 4097, 8)), function.name)
            self.assertEqual(room.raw[4096:], b"\xaa" * 4096, function.name)
            for size in (2**32 + taken[0], 2**63, 2**64 - 1):
                self.assertEqual(self.look(function, function.call(ctypes.addressof(room), size))[0], USAGE, function.name)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "--verbose"])
