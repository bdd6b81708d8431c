"""What of plimsoll.h the classes in plimsoll.py call, as ctypes has it."""
import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

# Before anything else opens libllama: then its calls pass through the hook (tracker_mode()).
library = ctypes.CDLL(os.environ.get("PLIMSOLL_LIBRARY", "libplimsoll.so.0"))

ShareFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, c_float)
CountFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)


class Candidate(ctypes.Structure):
    _fields_ = [("token", c_int32), ("logit", c_float), ("p", c_float)]


class Candidates(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("sorted", c_int32), ("list", POINTER(Candidate)), ("count", c_uint64), ("selected", c_int64)]


SampleFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Candidates))
AcceptFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int32)


class RuntimeOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("prefault", c_int32), ("require_enforcing", c_int32), ("reserved", c_uint32),
                ("budgets", POINTER(c_char_p)), ("n_budgets", c_uint64), ("store", c_char_p)]


class ModelOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("warm_up", c_int32), ("n_ctx", c_int32), ("n_seq_max", c_int32),
                ("gpu_layers", c_int32), ("n_threads", c_int32), ("name", c_char_p), ("settings", c_char_p),
                ("overrides", c_char_p), ("projector", c_char_p), ("adapters", POINTER(c_char_p)),
                ("adapter_scales", POINTER(c_float)), ("n_adapters", c_uint64), ("draft", c_char_p),
                ("draft_most", c_int32), ("draft_least_probability", c_float), ("load_progress", ShareFunction),
                ("user_data", c_void_p), ("stop", c_void_p)]


class GenerationOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("predict", c_int32), ("seed", c_uint32), ("temperature", c_float),
                ("top_k", c_int32), ("top_p", c_float), ("min_p", c_float), ("typical_p", c_float),
                ("penalty_last_n", c_int32), ("penalty_repeat", c_float), ("penalty_frequency", c_float),
                ("penalty_presence", c_float), ("keep_stop_string", c_int32), ("ignore_end_of_generation", c_int32),
                ("show_special", c_int32), ("overflow", c_int32), ("overflow_keep", c_uint64),
                ("overflow_discard_share", c_double), ("stop_strings", POINTER(c_char_p)), ("n_stop_strings", c_uint64),
                ("grammar", c_char_p), ("json_schema", c_char_p), ("sampling", c_char_p), ("patience_ms", c_int64),
                ("stop", c_void_p), ("prompt_progress", CountFunction), ("user_data", c_void_p),
                ("sample", SampleFunction), ("accept", AcceptFunction), ("sampler_data", c_void_p),
                ("sampler_place", c_int32), ("reserved", c_uint32)]


class ContextOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("warm_up", c_int32), ("n_ctx", c_int32), ("n_seq_max", c_int32), ("n_threads", c_int32),
                ("reserved", c_uint32), ("name", c_char_p), ("settings", c_char_p), ("stop", c_void_p)]


class QuantizeOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("n_threads", c_int32), ("allow_requantize", c_int32), ("pure", c_int32),
                ("dry_run", c_int32), ("overwrite", c_int32), ("imatrix", c_char_p), ("program", c_char_p),
                ("progress", CountFunction), ("user_data", c_void_p), ("stop", c_void_p)]


class Quantized(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("before", c_uint64), ("after", c_uint64), ("tensors", c_uint64),
                ("files", c_uint64)]


class ChatOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("form", c_int32), ("forget_oldest", c_int32), ("reserved", c_uint32), ("system", c_char_p),
                ("patience_ms", c_int64), ("stop", c_void_p)]


class GenerationInfo(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("finish_reason", c_int32), ("prompt_ms", c_double), ("generate_ms", c_double),
                ("prompt_tokens", c_int32), ("generated_tokens", c_int32), ("draft_tokens", c_int32),
                ("accepted_tokens", c_int32)]


OPTIONS = {RuntimeOptions: "runtime_options", ModelOptions: "model_options", GenerationOptions: "generation_options",
           ChatOptions: "chat_options", ContextOptions: "context_options", QuantizeOptions: "quantize_options"}


def function(name, *arguments, returns=c_void_p):
    """plimsoll_NAME with these parameters; most return an error or None."""
    found = getattr(library, "plimsoll_" + name)
    found.argtypes, found.restype = arguments, returns
    return found


error_name = function("error_name", c_void_p, returns=c_char_p)
error_message = function("error_message", c_void_p, returns=c_char_p)
error_numbers = function("error_numbers", c_void_p, returns=c_char_p)
error_free = function("error_free", c_void_p, returns=None)


class Error(Exception):
    """What a call failed with: `code` ("over_budget"), the message, and `numbers`, a dictionary."""

    def __init__(self, error):
        super().__init__(error_message(error).decode())
        self.code = error_name(error).decode()
        self.numbers = json.loads(error_numbers(error))
        error_free(error)


def call(name, *arguments, types):
    """Calls plimsoll_NAME and raises its error."""
    error = function(name, *types)(*arguments)
    if error:
        raise Error(error)


def texts(values):
    encoded = [value.encode() for value in values]
    return (c_char_p * len(encoded))(*encoded), len(encoded)


def taken(pointer, length=-1):
    """A text that the library gave out, freed."""
    text = ctypes.string_at(pointer, length).decode(errors="replace")
    call("free", pointer, types=(c_void_p,))
    return text


def options(kind, **members):
    """The struct with its defaults, and over them what is given."""
    out = kind()
    call(OPTIONS[kind] + "_init", byref(out), ctypes.sizeof(out), types=(c_void_p, c_size_t))
    for name, value in members.items():
        if name not in dict(kind._fields_):
            raise TypeError(f"there is no option '{name}'")
        if value is not None:
            setattr(out, name, value.encode() if isinstance(value, str) else value)
    return out
