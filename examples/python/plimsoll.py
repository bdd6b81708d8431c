"""Plimsoll from Python, by ctypes over libplimsoll.so.0 (docs/c-api.md).

    import plimsoll
    with plimsoll.Runtime(budgets=["CPU=2GiB"]) as runtime, runtime.open("model.gguf", n_ctx=4096) as model:
        for piece in model.generate("Once upon a time", predict=60):
            print(piece, end="")

Errors are exceptions of the type Error, with code, message and numbers. An exception in a callback of yours ends the call
that it came from, and arrives there. PLIMSOLL_LIBRARY names another library than the system's.
"""
import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

# Before anything else opens libllama: then its calls pass through the hook (tracker_mode()).
_library = ctypes.CDLL(os.environ.get("PLIMSOLL_LIBRARY", "libplimsoll.so.0"))

UNSET = -(2**31)
RANDOM_SEED = 0xFFFFFFFF
FINISH_REASONS = ("running", "end_of_generation", "stop_string", "length", "cancelled")
OVERFLOWS = {"fail": 0, "stop": 1, "shift": 2, "reprefill": 3}
WARM_UPS = {"automatic": 0, "full": 1, "quick": 2, "none": 3}
FORMS = {"template": 0, "instruct": 1, "role_names": 2}
POOLINGS = {"unspecified": -1, "none": 0, "mean": 1, "cls": 2, "last": 3}

_ShareFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, c_float)
_CountFunction = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)


class _RuntimeOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("prefault", c_int32), ("require_enforcing", c_int32), ("reserved", c_uint32),
                ("budgets", POINTER(c_char_p)), ("n_budgets", c_uint64), ("store", c_char_p)]


class _ModelOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("warm_up", c_int32), ("n_ctx", c_int32), ("n_seq_max", c_int32),
                ("gpu_layers", c_int32), ("n_threads", c_int32), ("name", c_char_p), ("settings", c_char_p),
                ("overrides", c_char_p), ("projector", c_char_p), ("adapters", POINTER(c_char_p)),
                ("adapter_scales", POINTER(c_float)), ("n_adapters", c_uint64), ("draft", c_char_p),
                ("draft_most", c_int32), ("draft_least_probability", c_float), ("load_progress", _ShareFunction),
                ("user_data", c_void_p), ("stop", c_void_p)]


class _GenerationOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("predict", c_int32), ("seed", c_uint32), ("temperature", c_float),
                ("top_k", c_int32), ("top_p", c_float), ("min_p", c_float), ("typical_p", c_float),
                ("penalty_last_n", c_int32), ("penalty_repeat", c_float), ("penalty_frequency", c_float),
                ("penalty_presence", c_float), ("keep_stop_string", c_int32), ("ignore_end_of_generation", c_int32),
                ("show_special", c_int32), ("overflow", c_int32), ("overflow_keep", c_uint64),
                ("overflow_discard_share", c_double), ("stop_strings", POINTER(c_char_p)), ("n_stop_strings", c_uint64),
                ("grammar", c_char_p), ("json_schema", c_char_p), ("sampling", c_char_p), ("patience_ms", c_int64),
                ("stop", c_void_p), ("prompt_progress", _CountFunction), ("user_data", c_void_p)]


class _ChatOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("form", c_int32), ("forget_oldest", c_int32), ("reserved", c_uint32), ("system", c_char_p),
                ("patience_ms", c_int64), ("stop", c_void_p)]


class _GenerationInfo(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("finish_reason", c_int32), ("prompt_ms", c_double), ("generate_ms", c_double),
                ("prompt_tokens", c_int32), ("generated_tokens", c_int32), ("draft_tokens", c_int32),
                ("accepted_tokens", c_int32)]


_OPTIONS = {_RuntimeOptions: "runtime_options", _ModelOptions: "model_options", _GenerationOptions: "generation_options",
            _ChatOptions: "chat_options"}


def _function(name, *arguments, returns=c_void_p):
    function = getattr(_library, "plimsoll_" + name)
    function.argtypes, function.restype = arguments, returns
    return function


_error_code = _function("error_code", c_void_p, returns=c_int32)
_error_name = _function("error_name", c_void_p, returns=c_char_p)
_error_message = _function("error_message", c_void_p, returns=c_char_p)
_error_numbers = _function("error_numbers", c_void_p, returns=c_char_p)
_error_free = _function("error_free", c_void_p, returns=None)


class Error(Exception):
    """What a call failed with: `code` ("over_budget"), the message, and `numbers`, a dictionary."""

    def __init__(self, error):
        super().__init__(_error_message(error).decode())
        self.code = _error_name(error).decode()
        self.numbers = json.loads(_error_numbers(error))
        _error_free(error)


def _call(name, *arguments, types):
    """Calls plimsoll_NAME and raises its error."""
    error = _function(name, *types)(*arguments)
    if error:
        raise Error(error)


def version():
    return _function("version", returns=c_char_p)().decode()


def tracker_mode():
    """"enforcing": refusals hold; "advisory": tracker_advice() says why not."""
    return _function("tracker_mode", returns=c_char_p)().decode()


def tracker_advice():
    return _function("tracker_advice", returns=c_char_p)().decode()


def _text(value):
    return None if value is None else value.encode()


def _texts(values):
    encoded = [value.encode() for value in values]
    return (c_char_p * len(encoded))(*encoded), len(encoded)


def _taken(pointer, length=-1):
    """A text that the library gave out, freed."""
    text = ctypes.string_at(pointer, length).decode(errors="replace")
    _call("free", pointer, types=(c_void_p,))
    return text


def _options(kind, **members):
    options = kind()
    _call(_OPTIONS[kind] + "_init", byref(options), ctypes.sizeof(options), types=(c_void_p, c_size_t))
    for name, value in members.items():
        if value is not None:
            setattr(options, name, value.encode() if isinstance(value, str) else value)
    return options


class _Callback:
    """A function of Python's as one of C's: what it raises ends the call, and is raised again by `check`."""

    def __init__(self, kind, function):
        self.raised = None

        def told(_, *arguments):
            try:
                return 1 if function(*arguments) is False else 0
            except BaseException as error:  # even SystemExit must not cross C
                self.raised = error
                return 1

        self.function = kind(told) if function else kind()

    def check(self):
        if self.raised is not None:
            raised, self.raised = self.raised, None
            raise raised


class _Handle:
    """Something of the library's that is closed once, by close(), `with`, or when nobody has it any more."""

    _kind = ""

    def __init__(self, handle):
        self._handle = handle

    def close(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            _call(self._kind + "_close", handle, types=(c_void_p,))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        try:
            self.close()
        except Exception:  # at the end of the interpreter
            pass

    def _made(self, name, *arguments, types=()):
        """The handle that plimsoll_NAME makes of this one."""
        out = c_void_p()
        _call(name, self._handle, *arguments, byref(out), types=(c_void_p, *types, c_void_p))
        return out.value

    def _asked(self, name, *arguments, types=()):
        """The text that plimsoll_NAME gives."""
        return _taken(self._made(name, *arguments, types=types))

    def _told(self, name, *arguments, types=()):
        _call(name, self._handle, *arguments, types=(c_void_p, *types))


class Stop(_Handle):
    """A wish to stop, from any thread."""

    _kind = "stop"

    def __init__(self):
        out = c_void_p()
        _call("stop_create", byref(out), types=(c_void_p,))
        super().__init__(out.value)

    def request(self):
        self._told("stop_request")


class Runtime(_Handle):
    """The memory of this process: one at a time."""

    _kind = "runtime"

    def __init__(self, budgets=(), store=None, require_enforcing=False):
        texts, count = _texts(budgets)
        options = _options(_RuntimeOptions, budgets=texts, n_budgets=count, store=store, require_enforcing=require_enforcing)
        out = c_void_p()
        _call("runtime_open", byref(options), byref(out), types=(c_void_p, c_void_p))
        super().__init__(out.value)

    def plan(self, path, **options):
        return Plan(self._with_model("model_plan", path, options))

    def open(self, path, **options):
        """A model that is ready. Options: those of plimsoll_model_options, e.g. n_ctx=4096, settings='flash-attn = "on"',
        load_progress=lambda share: None, stop=Stop()."""
        return Model(self._with_model("model_open", path, options))

    def open_embedder(self, path, pooling="unspecified", **options):
        return Embedder(self._with_model("embedder_open", path, options, POOLINGS[pooling]))

    def status(self):
        return json.loads(self._asked("runtime_status_json"))

    def events(self):
        return [json.loads(line) for line in self._asked("runtime_events_json").splitlines()]

    def _with_model(self, name, path, members, *more):
        progress = _Callback(_ShareFunction, members.pop("load_progress", None))
        stop = members.pop("stop", None)
        members["warm_up"] = WARM_UPS[members.pop("warm_up", "automatic")]
        adapters, count = _texts(members.pop("adapters", ()))
        options = _options(_ModelOptions, load_progress=progress.function, stop=stop._handle if stop else None,
                           adapters=adapters, n_adapters=count, **members)
        try:
            return self._made(name, os.fsencode(path), byref(options), *more,
                              types=(c_char_p, c_void_p) + (c_int32,) * len(more))
        except Error:
            progress.check()
            raise


class Plan(_Handle):
    _kind = "plan"

    def admit(self):
        """Raises what opening would raise."""
        self._told("plan_admit")

    def fits(self):
        return not any(device["short_by"] for device in self.as_dict()["devices"])

    def alternatives(self):
        """(overrides, cost) of configurations near it that would fit: overrides are for open(..., overrides=...)."""
        count, out = c_uint64(), []
        self._told("plan_n_alternatives", byref(count), types=(c_void_p,))
        for index in range(count.value):
            overrides, cost = c_char_p(), c_char_p()
            self._told("plan_alternative", index, byref(overrides), byref(cost), types=(c_uint64, c_void_p, c_void_p))
            out.append((overrides.value.decode(), cost.value.decode()))
        return out

    def as_dict(self):
        return json.loads(self._asked("plan_json"))

    def __str__(self):
        return self._asked("plan_table")


class Model(_Handle):
    _kind = "model"

    def generate(self, prompt, **options):
        """A Generation. Options: those of plimsoll_generation_options, e.g. predict=60, temperature=0, stop_strings=["\\n"],
        json_schema={...}, sampling={"xtc_probability": 0.1}, prompt_progress=lambda done, of: None, stop=Stop()."""
        return _generation(self, "model_generate", (*_counted(prompt),), options)

    def conversation(self, patience_ms=0):
        return Conversation(self._made("conversation_open", patience_ms, None, types=(c_int64, c_void_p)))

    def chat(self, system=None, form="template", forget_oldest=False, patience_ms=0):
        options = _options(_ChatOptions, system=system, form=FORMS[form], forget_oldest=forget_oldest, patience_ms=patience_ms)
        return Chat(self._made("chat_open", byref(options), types=(c_void_p,)))

    def info(self):
        return json.loads(self._asked("model_json"))

    def tokenize(self, text, with_begin_token=True):
        tokens, count = c_void_p(), c_uint64()
        self._told("model_tokenize", *_counted(text), with_begin_token, byref(tokens), byref(count),
                   types=(c_char_p, c_int64, c_int32, c_void_p, c_void_p))
        out = list((c_int32 * count.value).from_address(tokens.value)) if count.value else []
        _call("free", tokens, types=(c_void_p,))
        return out

    def text_of(self, tokens, control_tokens=False):
        array = (c_int32 * len(tokens))(*tokens)
        text, length = c_void_p(), c_uint64()
        self._told("model_text_of", array, len(tokens), control_tokens, byref(text), byref(length),
                   types=(c_void_p, c_uint64, c_int32, c_void_p, c_void_p))
        return _taken(text.value, length.value)


def _counted(text):
    encoded = None if text is None else text.encode()
    return encoded, -1 if encoded is None else len(encoded)


def _generation(of, name, arguments, members):
    progress = _Callback(_CountFunction, members.pop("prompt_progress", None))
    strings, count = _texts(members.pop("stop_strings", ()))
    stop = members.pop("stop", None)
    for key in ("json_schema", "sampling"):
        if isinstance(members.get(key), (dict, bool)):
            members[key] = json.dumps(members[key])
    members["overflow"] = OVERFLOWS[members.pop("overflow", "fail")]
    options = _options(_GenerationOptions, prompt_progress=progress.function, stop_strings=strings, n_stop_strings=count,
                       stop=stop._handle if stop else None, **members)
    types = (c_char_p, c_int64) if arguments else ()
    return Generation(of._made(name, *arguments, byref(options), types=types + (c_void_p,)), progress)


class Generation(_Handle):
    """An answer on its way: an iterator of pieces of text."""

    _kind = "generation"

    def __init__(self, handle, progress):
        super().__init__(handle)
        self._progress = progress  # lives as long as the library may call it

    def __iter__(self):
        return self

    def __next__(self):
        piece, length = c_void_p(), c_uint64()
        try:
            self._told("generation_next", byref(piece), byref(length), types=(c_void_p, c_void_p))
        finally:
            self._progress.check()
        if piece.value is None:
            raise StopIteration
        return ctypes.string_at(piece.value, length.value).decode(errors="replace")

    def read(self):
        return "".join(self)

    def stop(self):
        """Ends it; from any thread."""
        self._told("generation_stop")

    def info(self):
        info = _GenerationInfo(size=ctypes.sizeof(_GenerationInfo))
        self._told("generation_info_get", byref(info), types=(c_void_p,))
        return info

    @property
    def finish_reason(self):
        return FINISH_REASONS[self.info().finish_reason]


class Conversation(_Handle):
    _kind = "conversation"

    def generate(self, text=None, **options):
        return _generation(self, "conversation_generate", _counted(text), options)

    def text(self, control_tokens=False):
        text, length = c_void_p(), c_uint64()
        self._told("conversation_text", control_tokens, byref(text), byref(length), types=(c_int32, c_void_p, c_void_p))
        return _taken(text.value, length.value)

    def save(self, path):
        self._told("conversation_save", os.fsencode(path), types=(c_char_p,))


class Chat(_Handle):
    _kind = "chat"

    def say(self, text, **options):
        return _generation(self, "chat_say", _counted(text), options)

    def regenerate(self, **options):
        return _generation(self, "chat_regenerate", (), options)

    def history(self):
        return json.loads(self._asked("chat_history_json"))


class Embedder(_Handle):
    _kind = "embedder"

    def embed(self, texts):
        """A list of vectors for each text: one, or with pooling "none" one for each token."""
        array, count = _texts(texts)
        result, out = _Embeddings(self._made("embedder_embed", array, count, None, types=(c_void_p, c_uint64, c_void_p))), []
        with result:
            for index in range(count):
                values, rows, width = c_void_p(), c_uint64(), c_uint64()
                result._told("embeddings_get", index, byref(values), byref(rows), byref(width), None,
                             types=(c_uint64, c_void_p, c_void_p, c_void_p, c_void_p))
                numbers = (c_float * (rows.value * width.value)).from_address(values.value)
                out.append([numbers[at : at + width.value] for at in range(0, len(numbers), width.value)])
        return out


class _Embeddings(_Handle):
    _kind = "embeddings"
