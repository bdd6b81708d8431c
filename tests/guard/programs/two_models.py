"""The same in Python through ctypes: two_models.py MODEL_PARAMS CONTEXT_PARAMS FIRST SECOND (sizes in bytes)."""
import ctypes
import sys

llama, ggml = ctypes.CDLL("libllama.so.0"), ctypes.CDLL("libggml.so.0")


class ModelParams(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_ubyte * int(sys.argv[1]))]
    _align_ = 8


class ContextParams(ctypes.Structure):
    _fields_ = [("n_ctx", ctypes.c_uint32), ("rest", ctypes.c_ubyte * (int(sys.argv[2]) - 4))]
    _align_ = 8


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32)] + [(name, ctypes.c_void_p) for name in ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")]


llama.llama_model_default_params.restype = ModelParams
llama.llama_context_default_params.restype = ContextParams
llama.llama_model_load_from_file.restype = ctypes.c_void_p
llama.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
llama.llama_init_from_model.restype = ctypes.c_void_p
llama.llama_init_from_model.argtypes = [ctypes.c_void_p, ContextParams]
llama.llama_decode.argtypes = [ctypes.c_void_p, Batch]
llama.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
llama.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
llama.llama_free.argtypes = llama.llama_model_free.argtypes = [ctypes.c_void_p]


class Chat:
    def __init__(self, file):
        self.model = llama.llama_model_load_from_file(file.encode(), llama.llama_model_default_params())
        if not self.model:
            raise MemoryError("the model")
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = 4096
        self.context = llama.llama_init_from_model(self.model, parameters)
        if not self.context:
            raise MemoryError("the context")

    def ask(self):
        tokens = (ctypes.c_int32 * 3)(1, 5, 7)
        status = llama.llama_decode(self.context, Batch(3, ctypes.addressof(tokens), None, None, None, None, None))
        return f"{status} {llama.llama_get_logits_ith(self.context, -1)[5]:.4f}"


ggml.ggml_backend_load_all()
first = Chat(sys.argv[3])
print("first", first.ask())
try:
    print("second", Chat(sys.argv[4]).ask())
except MemoryError as error:
    print("caught:", error)
print("first", first.ask())
llama.llama_free(first.context)
llama.llama_model_free(first.model)
print("end")
