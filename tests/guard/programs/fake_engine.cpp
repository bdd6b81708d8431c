// What it does when it is asked to compute is in FAKE_ENGINE: throw, out-of-memory, abort, fail, not-taken, grow (a
// card's memory, after it was ready). A model has the address of the one that was freed last. FAKE_VERSION is the
// version that it tells; empty: it has none to tell.
#include "fake_engine.hpp"

#include <ggml-alloc.h>
#include <ggml-backend.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

struct ggml_backend_device {
  enum ggml_backend_dev_type type;
  const char* name;
};
struct ggml_backend_buffer_type {
  ggml_backend_device* device;
};
struct ggml_backend_buffer {
  const void* engine;  // whose it is: a process may have two of these libraries
  ggml_backend_buffer_type* type;
  std::size_t size;
};
struct llama_model {
  ggml_backend_buffer* weights;
};
struct llama_context {
  llama_model* model;
  ggml_backend_buffer* cache;
  ggml_backend_buffer* later = nullptr;
  int decodes = 0;
};

namespace {

char engine_mark;
ggml_backend_device cpu{GGML_BACKEND_DEVICE_TYPE_CPU, "CPU"};
ggml_backend_device card{GGML_BACKEND_DEVICE_TYPE_GPU, "Fake0"};
ggml_backend_buffer_type card_type{&card};
int handed_through = 0;
void (*on_model_freed)() = nullptr;
void (*on_version)() = nullptr;

// One after the other lies here.
alignas(llama_model) unsigned char model_place[sizeof(llama_model)];
bool has_model = false;

std::string_view behaviour() {
  const char* text = std::getenv("FAKE_ENGINE");
  return text == nullptr ? "" : text;
}

unsigned char pattern(std::size_t index, unsigned char seed) { return static_cast<unsigned char>(index * 31 + seed); }

template <class Params>
Params filled(unsigned char seed) {
  Params params{};
  for (std::size_t i = 0; i < sizeof(params.bytes); ++i) params.bytes[i] = pattern(i, seed);
  return params;
}

template <class Params>
void check(const Params& params, unsigned char seed) {
  for (std::size_t i = 0; i < sizeof(params.bytes); ++i) {
    if (params.bytes[i] == pattern(i, seed)) continue;
    std::fprintf(stderr, "byte %zu of %zu did not come through\n", i, sizeof(params.bytes));
    std::exit(99);
  }
  ++handed_through;
}

constexpr std::size_t kMiB = std::size_t{1} << 20U;

void call_once(void (*&function)()) {
  if (function != nullptr) std::exchange(function, nullptr)();
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

#ifndef FAKE_WITHOUT_VERSION
const char* ggml_version(void) {
  call_once(on_version);
  const char* version = std::getenv("FAKE_VERSION");
  return version == nullptr ? "0.26.3" : version;
}
#endif

void ggml_abort(const char* file, int line, const char* format, ...) {
  std::fprintf(stderr, "%s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

ggml_backend_buffer_t ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
  return new ggml_backend_buffer{&engine_mark, type, size};
}
void ggml_backend_buffer_free(ggml_backend_buffer_t buffer) {
  if (buffer != nullptr && buffer->engine != &engine_mark) {
    std::fputs("a buffer of another engine\n", stderr);
    std::exit(98);
  }
  delete buffer;
}
void ggml_backend_buffer_clear(ggml_backend_buffer_t, uint8_t) {}
size_t ggml_backend_buffer_get_size(ggml_backend_buffer_t buffer) { return buffer->size; }
ggml_backend_buffer_type_t ggml_backend_buffer_get_type(ggml_backend_buffer_t buffer) { return buffer->type; }
bool ggml_backend_buffer_is_host(ggml_backend_buffer_t) { return false; }
ggml_backend_dev_t ggml_backend_buft_get_device(ggml_backend_buffer_type_t type) { return type->device; }
size_t ggml_backend_buft_get_max_size(ggml_backend_buffer_type_t) { return SIZE_MAX; }
bool ggml_backend_buft_is_host(ggml_backend_buffer_type_t) { return false; }
const char* ggml_backend_buft_name(ggml_backend_buffer_type_t type) { return type->device->name; }
bool ggml_gallocr_reserve_n(ggml_gallocr_t, ggml_cgraph*, const int*, const int*) { return true; }
ggml_backend_buffer* ggml_backend_alloc_ctx_tensors_from_buft(ggml_context*, ggml_backend_buffer_type_t type) {
  return ggml_backend_buft_alloc_buffer(type, kMiB);
}
ggml_backend_buffer_t ggml_backend_dev_buffer_from_host_ptr(ggml_backend_dev_t, void*, size_t, size_t) {
  return nullptr;
}

size_t ggml_backend_dev_count(void) { return 2; }
ggml_backend_dev_t ggml_backend_dev_get(size_t index) { return index == 0 ? &card : &cpu; }
ggml_backend_dev_t ggml_backend_dev_by_name(const char* name) {
  return std::strcmp(name, card.name) == 0 ? &card : std::strcmp(name, cpu.name) == 0 ? &cpu : nullptr;
}
const char* ggml_backend_dev_name(ggml_backend_dev_t device) { return device->name; }
const char* ggml_backend_dev_description(ggml_backend_dev_t) { return "a card that is none"; }
enum ggml_backend_dev_type ggml_backend_dev_type(ggml_backend_dev_t device) { return device->type; }
ggml_backend_reg_t ggml_backend_dev_backend_reg(ggml_backend_dev_t) { return nullptr; }
const char* ggml_backend_reg_name(ggml_backend_reg_t) { return "Fake"; }
void ggml_backend_dev_memory(ggml_backend_dev_t, size_t* free, size_t* total) { *free = *total = 1024 * kMiB; }
void ggml_backend_dev_get_props(ggml_backend_dev_t device, ggml_backend_dev_props* props) {
  // Longer than ours: a caller that has room for ours alone loses what lies behind it.
  std::memset(static_cast<void*>(props), 0, sizeof(*props) + 64);
  props->name = device->name;
  props->type = device->type;
}

fake_model_params llama_model_default_params(void) { return filled<fake_model_params>(1); }
fake_context_params llama_context_default_params(void) { return filled<fake_context_params>(2); }
llama_model* llama_model_load_from_file(const char*, fake_model_params params) {
  check(params, 1);
  ggml_backend_buffer* weights = ggml_backend_buft_alloc_buffer(&card_type, 8 * kMiB);
  if (weights == nullptr) return nullptr;
  return std::exchange(has_model, true) ? new llama_model{weights} : new (model_place) llama_model{weights};
}
void llama_model_free(llama_model* model) {
  ggml_backend_buffer_free(model->weights);
  if (static_cast<void*>(model) == model_place)
    has_model = false;
  else
    delete model;
  call_once(on_model_freed);
}
llama_context* llama_init_from_model(llama_model* model, fake_context_params params) {
  check(params, 2);
  ggml_backend_buffer* cache = ggml_backend_buft_alloc_buffer(&card_type, 4 * kMiB);
  return cache == nullptr ? nullptr : new llama_context{model, cache};
}
void llama_free(llama_context* context) {
  ggml_backend_buffer_free(context->later);
  ggml_backend_buffer_free(context->cache);
  delete context;
}

int32_t llama_decode(llama_context* context, fake_batch batch) {
  ++context->decodes;
  if (batch.n_tokens < 1 || batch.token == nullptr) return -1;
  if (behaviour() == "throw") throw std::runtime_error("the device was lost");
  if (behaviour() == "out-of-memory") throw std::runtime_error("allocateMemory: ErrorOutOfDeviceMemory");
  if (behaviour() == "abort") ggml_abort("fake.cu", 7, "CUDA error: %s", "out of memory");
  if (behaviour() == "fail") return -3;
  if (behaviour() == "not-taken") return -1;
  if (behaviour() == "grow" && batch.n_tokens == 13 && context->later == nullptr) {  // no size of a warm-up
    context->later = ggml_backend_buft_alloc_buffer(&card_type, 2 * kMiB);
    if (context->later == nullptr) return -2;
  }
  return 0;
}
int32_t llama_encode(llama_context*, fake_batch) { return 0; }
fake_batch llama_batch_get_one(int32_t* tokens, int32_t n) {
  return {n, tokens, nullptr, nullptr, nullptr, nullptr, nullptr};
}
float* llama_get_embeddings(llama_context*) { return nullptr; }
void* llama_get_memory(const llama_context* context) { return const_cast<llama_context*>(context); }
const llama_model* llama_get_model(const llama_context* context) { return context->model; }
bool llama_memory_can_shift(void*) { return false; }
void llama_memory_clear(void*, bool) {}
void llama_memory_seq_add(void*, int32_t, int32_t, int32_t, int32_t) {}
void llama_memory_seq_cp(void*, int32_t, int32_t, int32_t, int32_t) {}
int32_t llama_memory_seq_pos_max(void*, int32_t) { return -1; }
bool llama_memory_seq_rm(void*, int32_t, int32_t, int32_t) { return true; }
const void* llama_model_get_vocab(const llama_model* model) { return model; }
bool llama_model_has_decoder(const llama_model*) { return true; }
bool llama_model_has_encoder(const llama_model*) { return false; }
uint32_t llama_n_batch(const llama_context*) { return 8; }
uint32_t llama_n_ctx(const llama_context*) { return 16; }
uint32_t llama_n_seq_max(const llama_context*) { return 1; }
uint32_t llama_n_ubatch(const llama_context*) { return 8; }
void llama_perf_context_reset(llama_context*) {}
void llama_sampler_free(void*) {}
void* llama_sampler_init_greedy(void) { return &engine_mark; }
int32_t llama_sampler_sample(void*, llama_context*, int32_t) { return 1; }
size_t llama_state_seq_get_size(llama_context*, int32_t) { return 4; }
size_t llama_state_seq_get_data(llama_context*, uint8_t*, size_t size, int32_t) { return size; }
size_t llama_state_seq_set_data(llama_context*, const uint8_t*, size_t size, int32_t) { return size; }
void llama_synchronize(llama_context*) {}
int32_t llama_vocab_n_tokens(const void*) { return 100; }

int fake_handed_through(void) { return handed_through; }
void fake_on_model_freed(void (*function)(void)) { on_model_freed = function; }
void fake_on_version(void (*function)(void)) { on_version = function; }

}  // extern "C"
#pragma GCC visibility pop
