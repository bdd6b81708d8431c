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
from ctypes import byref, c_char_p, c_float, c_int32, c_int64, c_uint64, c_void_p

import plimsoll_c as c
from plimsoll_c import Error

FINISH_REASONS = ("running", "end_of_generation", "stop_string", "length", "cancelled")
OVERFLOWS = {"fail": 0, "stop": 1, "shift": 2, "reprefill": 3}
WARM_UPS = {"automatic": 0, "full": 1, "quick": 2, "none": 3}
FORMS = {"template": 0, "instruct": 1, "role_names": 2}
POOLINGS = {"unspecified": -1, "none": 0, "mean": 1, "cls": 2, "last": 3}
PLACES = {"last": 0, "first": 1}


def version():
    return c.function("version", returns=c_char_p)().decode()


def tracker_mode():
    """"enforcing": refusals hold; "advisory": tracker_advice() says why not."""
    return c.function("tracker_mode", returns=c_char_p)().decode()


def tracker_advice():
    return c.function("tracker_advice", returns=c_char_p)().decode()


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


def quantize(input, output, type, progress=None, stop=None, **options):
    """A model file into one of another type, e.g. "Q4_K_M"; its sizes. Options: those of plimsoll_quantize_options."""
    told, quantized = _Callback(c.CountFunction, progress), c.Quantized(size=ctypes.sizeof(c.Quantized))
    asked = c.options(c.QuantizeOptions, progress=told.function, stop=stop._handle if stop else None, **options)
    try:
        c.call("quantize_file", os.fsencode(input), os.fsencode(output), type.encode(), byref(asked), byref(quantized),
               types=(c_char_p, c_char_p, c_char_p, c_void_p, c_void_p))
    except Error:
        told.check()
        raise
    return quantized


class Candidates:
    """The tokens that a sampler of one's own may choose from, inside its call: each has token, logit and p, and is changed
    where it stands."""

    def __init__(self, pointer):
        self._of = pointer.contents

    def __len__(self):
        return self._of.count

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._of.list[index]

    def keep(self, indices):
        """Leaves all others out; the rest stands in this order."""
        kept = [c.Candidate.from_buffer_copy(self[index]) for index in indices]
        for at, one in enumerate(kept):
            self._of.list[at] = one
        self._of.count = len(kept)

    def choose(self, index):
        self._of.selected = index


class _Handle:
    """Something of the library's that is closed once, by close(), `with`, or when nobody has it any more."""

    _kind = ""

    def __init__(self, handle):
        self._handle = handle

    def close(self):
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            c.call(self._kind + "_close", handle, types=(c_void_p,))

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
        c.call(name, self._handle, *arguments, byref(out), types=(c_void_p, *types, c_void_p))
        return out.value

    def _asked(self, name, *arguments, types=()):
        """The text that plimsoll_NAME gives."""
        return c.taken(self._made(name, *arguments, types=types))

    def _told(self, name, *arguments, types=()):
        c.call(name, self._handle, *arguments, types=(c_void_p, *types))


class Stop(_Handle):
    """A wish to stop, from any thread."""

    _kind = "stop"

    def __init__(self):
        out = c_void_p()
        c.call("stop_create", byref(out), types=(c_void_p,))
        super().__init__(out.value)

    def request(self):
        self._told("stop_request")


class Runtime(_Handle):
    """The memory of this process: one at a time."""

    _kind = "runtime"

    def __init__(self, budgets=(), store=None, require_enforcing=False):
        texts, count = c.texts(budgets)
        options = c.options(c.RuntimeOptions, budgets=texts, n_budgets=count, store=store, require_enforcing=require_enforcing)
        out = c_void_p()
        c.call("runtime_open", byref(options), byref(out), types=(c_void_p, c_void_p))
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
        progress = _Callback(c.ShareFunction, members.pop("load_progress", None))
        stop = members.pop("stop", None)
        members["warm_up"] = WARM_UPS[members.pop("warm_up", "automatic")]
        adapters, count = c.texts(members.pop("adapters", ()))
        options = c.options(c.ModelOptions, load_progress=progress.function, stop=stop._handle if stop else None,
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
        json_schema={...}, sampling={"xtc_probability": 0.1}, prompt_progress=lambda done, of: None, stop=Stop(). A sampler of
        one's own: sample=lambda candidates: ..., accept=lambda token: ..., sampler_place="last"."""
        return _generation(self, "model_generate", (*_counted(prompt),), options)

    def open_context(self, warm_up="automatic", stop=None, **options):
        """A further context on its weights: a Model. Options: those of plimsoll_context_options."""
        asked = c.options(c.ContextOptions, warm_up=WARM_UPS[warm_up], stop=stop._handle if stop else None, **options)
        return Model(self._made("model_open_context", byref(asked), types=(c_void_p,)))

    def conversation(self, patience_ms=0):
        return Conversation(self._made("conversation_open", patience_ms, None, types=(c_int64, c_void_p)))

    def chat(self, system=None, form="template", forget_oldest=False, patience_ms=0):
        options = c.options(c.ChatOptions, system=system, form=FORMS[form], forget_oldest=forget_oldest, patience_ms=patience_ms)
        return Chat(self._made("chat_open", byref(options), types=(c_void_p,)))

    def info(self):
        return json.loads(self._asked("model_json"))

    def tokenize(self, text, with_begin_token=True):
        tokens, count = c_void_p(), c_uint64()
        self._told("model_tokenize", *_counted(text), with_begin_token, byref(tokens), byref(count),
                   types=(c_char_p, c_int64, c_int32, c_void_p, c_void_p))
        out = list((c_int32 * count.value).from_address(tokens.value)) if count.value else []
        c.call("free", tokens, types=(c_void_p,))
        return out

    def text_of(self, tokens, control_tokens=False):
        array = (c_int32 * len(tokens))(*tokens)
        text, length = c_void_p(), c_uint64()
        self._told("model_text_of", array, len(tokens), control_tokens, byref(text), byref(length),
                   types=(c_void_p, c_uint64, c_int32, c_void_p, c_void_p))
        return c.taken(text.value, length.value)


def _counted(text):
    encoded = None if text is None else text.encode()
    return encoded, -1 if encoded is None else len(encoded)


def _generation(of, name, arguments, members):
    progress = _Callback(c.CountFunction, members.pop("prompt_progress", None))
    chooses, accept = members.pop("sample", None), _Callback(c.AcceptFunction, members.pop("accept", None))
    sample = _Callback(c.SampleFunction, chooses and (lambda candidates: chooses(Candidates(candidates))))
    members["sampler_place"] = PLACES[members.pop("sampler_place", "last")]
    strings, count = c.texts(members.pop("stop_strings", ()))
    stop = members.pop("stop", None)
    for key in ("json_schema", "sampling"):
        if isinstance(members.get(key), (dict, bool)):
            members[key] = json.dumps(members[key])
    members["overflow"] = OVERFLOWS[members.pop("overflow", "fail")]
    options = c.options(c.GenerationOptions, prompt_progress=progress.function, sample=sample.function, accept=accept.function,
                       stop_strings=strings, n_stop_strings=count,
                       stop=stop._handle if stop else None, **members)
    types = (c_char_p, c_int64) if arguments else ()
    return Generation(of._made(name, *arguments, byref(options), types=types + (c_void_p,)), (progress, sample, accept))


class Generation(_Handle):
    """An answer on its way: an iterator of pieces of text."""

    _kind = "generation"

    def __init__(self, handle, callbacks):
        super().__init__(handle)
        self._callbacks = callbacks  # they live as long as the library may call them

    def __iter__(self):
        return self

    def __next__(self):
        piece, length = c_void_p(), c_uint64()
        try:
            self._told("generation_next", byref(piece), byref(length), types=(c_void_p, c_void_p))
        finally:
            for callback in self._callbacks:
                callback.check()
        if piece.value is None:
            raise StopIteration
        return ctypes.string_at(piece.value, length.value).decode(errors="replace")

    def read(self):
        return "".join(self)

    def stop(self):
        """Ends it; from any thread."""
        self._told("generation_stop")

    def info(self):
        info = c.GenerationInfo(size=ctypes.sizeof(c.GenerationInfo))
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
        return c.taken(text.value, length.value)

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
        array, count = c.texts(texts)
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
