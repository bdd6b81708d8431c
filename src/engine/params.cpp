#include <plimsoll/engine/params.hpp>

#include <ggml-backend.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <regex>
#include <utility>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/utf8.hpp"

#include "engine_params.hpp"

namespace plimsoll::engine {
namespace {

// The types the engine's own tools offer for a KV cache.
constexpr std::array kCacheTypes{CacheType::f32,  CacheType::f16,  CacheType::bf16, CacheType::q8_0,  CacheType::q4_0,
                                 CacheType::q4_1, CacheType::q5_0, CacheType::q5_1, CacheType::iq4_nl};

// The engine keeps about 60 bytes of host memory for each cell before anything else can be refused; no model is trained
// on more.
constexpr std::uint32_t kMostContext = 1U << 24U;
constexpr std::size_t kLongestMetadata = 127;  // the engine's structs have 128 bytes

template <class T, std::size_t N>
std::optional<T> look_up(const std::array<std::pair<std::string_view, T>, N>& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, [](const auto& pair) { return pair.first; });
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

[[noreturn]] void usage(const std::string& message) { throw Error(ErrorCode::usage, message); }

bool buffer_type_exists(const std::string& name) {
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_buffer_type_t type = ggml_backend_dev_buffer_type(ggml_backend_dev_get(i));
    if (type != nullptr && name == ggml_backend_buft_name(type)) return true;
  }
  return false;
}

}  // namespace

std::optional<CacheType> cache_type_from_string(std::string_view name) {
  const auto found = std::ranges::find(kCacheTypes, name, [](CacheType type) { return to_string(type); });
  return found == kCacheTypes.end() ? std::nullopt : std::optional(*found);
}

std::string_view to_string(CacheType type) noexcept { return ggml_type_name(to_engine(type)); }

std::optional<FlashAttention> flash_attn_from_string(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, FlashAttention>, 5> kNames{{
      {"auto", FlashAttention::automatic},
      {"on", FlashAttention::on},
      {"off", FlashAttention::off},
      {"1", FlashAttention::on},
      {"0", FlashAttention::off},
  }};
  return look_up(kNames, name);
}

std::optional<LoadMode> load_mode_from_string(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, LoadMode>, 5> kNames{{
      {"none", LoadMode::none},
      {"mmap", LoadMode::mmap},
      {"mlock", LoadMode::mlock},
      {"mmap+mlock", LoadMode::mmap_mlock},
      {"dio", LoadMode::direct_io},
  }};
  return look_up(kNames, name);
}

std::string_view to_string(LoadMode mode) noexcept { return llama_load_mode_name(to_engine(mode)); }

std::optional<SplitMode> split_mode_from_string(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, SplitMode>, 4> kNames{{
      {"none", SplitMode::none},
      {"layer", SplitMode::layer},
      {"row", SplitMode::row},
      {"tensor", SplitMode::tensor},
  }};
  return look_up(kNames, name);
}

namespace {

constexpr std::array<std::pair<std::string_view, Pooling>, 5> kPoolings{{
    {"none", Pooling::none},
    {"mean", Pooling::mean},
    {"cls", Pooling::cls},
    {"last", Pooling::last},
    {"rank", Pooling::rank},
}};
}  // namespace

std::optional<RopeScaling> rope_scaling_from_string(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, RopeScaling>, 4> kNames{{
      {"none", RopeScaling::none},
      {"linear", RopeScaling::linear},
      {"yarn", RopeScaling::yarn},
      {"longrope", RopeScaling::longrope},
  }};
  return look_up(kNames, name);
}

std::optional<Attention> attention_from_string(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Attention>, 2> kNames{
      {{"causal", Attention::causal}, {"non-causal", Attention::non_causal}}};
  return look_up(kNames, name);
}

std::optional<Pooling> pooling_from_string(std::string_view name) { return look_up(kPoolings, name); }

std::string_view to_string(Pooling pooling) noexcept {
  const auto found = std::ranges::find(kPoolings, pooling, [](const auto& pair) { return pair.second; });
  return found == kPoolings.end() ? "unspecified" : found->first;
}

namespace {

void validate_devices(const std::vector<std::string>& devices) {
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const std::string& name = devices[i];
    if (name == "none") {
      if (devices.size() > 1) usage("'none' means no accelerator and cannot stand beside a device");
      continue;
    }
    if (ggml_backend_dev_by_name(name.c_str()) == nullptr) {
      usage(fmt::format("there is no device '{}'; 'plimsoll devices' lists those that are there", name));
    }
    if (std::ranges::find(devices.begin(), devices.begin() + static_cast<std::ptrdiff_t>(i), name) !=
        devices.begin() + static_cast<std::ptrdiff_t>(i)) {
      usage(fmt::format("the device '{}' was named twice", name));
    }
  }
}

// Which of the devices holds everything, where nothing is split. The engine takes a negative number for "none at all".
void validate_main_gpu(const ModelParams& params) {
  if (params.main_gpu < 0) usage(fmt::format("{} is not a device; they are counted from 0", params.main_gpu));
  if (params.split_mode != SplitMode::none || params.main_gpu == 0) return;
  std::size_t devices = params.devices.size();
  for (std::size_t i = 0; params.devices.empty() && i < ggml_backend_dev_count(); ++i) {
    const enum ggml_backend_dev_type type = ggml_backend_dev_type(ggml_backend_dev_get(i));
    if (type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU) ++devices;
  }
  if (std::cmp_greater_equal(params.main_gpu, devices)) {
    usage(fmt::format("there is no accelerator {} to keep the model on: there are {}, counted from 0", params.main_gpu,
                      devices));
  }
}

void validate_placement(const ModelParams& params) {
  const std::size_t patterns = params.tensor_overrides.size() + static_cast<std::size_t>(params.n_cpu_moe) + 1;
  if (patterns >= llama_max_tensor_buft_overrides()) {
    usage(fmt::format("the engine takes {} tensor overrides at most, a layer of experts counting as one",
                      llama_max_tensor_buft_overrides() - 2));
  }
  for (const TensorOverride& override : params.tensor_overrides) {
    try {
      const std::regex check(override.pattern);
    } catch (const std::regex_error&) {
      usage(fmt::format("'{}' is not a regular expression", override.pattern));
    }
    if (!buffer_type_exists(override.buffer_type)) {
      usage(fmt::format("there is no buffer type '{}' to place tensors in", override.buffer_type));
    }
  }
}

void validate_cache_type(CacheType type) {
  if (std::ranges::find(kCacheTypes, type) != kCacheTypes.end()) return;
  const ggml_type engine = to_engine(type);
  const bool known = engine >= 0 && engine < GGML_TYPE_COUNT && ggml_type_name(engine) != nullptr;
  usage(fmt::format("{} is not a type for a cache",
                    known ? ggml_type_name(engine) : std::to_string(static_cast<int>(type))));
}

void validate_metadata(const MetadataOverride& entry) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (entry.key.empty()) usage("a value in the place of the file's metadata has no key");
  if (!is_utf8(entry.key) || (text != nullptr && !is_utf8(*text)))
    usage("a value in the place of the file's metadata is not UTF-8");
  if (entry.key.contains('\0') || (text != nullptr && text->contains('\0')))
    usage("a value in the place of the file's metadata has a NUL in it");
  if (entry.key.size() > kLongestMetadata || (text != nullptr && text->size() > kLongestMetadata))
    usage(fmt::format("the engine takes metadata of {} bytes at most: '{}' is longer, or its value", kLongestMetadata,
                      entry.key));
}

// The engine makes one device of several for it. Where one of them has no memory left, or our budget refuses a part, it
// ends the process (an assertion in ggml-backend-meta.cpp); and it tells the sizes of the whole only, so no device's
// part can be planned.
void validate_split_mode(const ModelParams& params) {
  if (params.split_mode != SplitMode::tensor) return;
  throw Error(ErrorCode::unsupported,
              "split_mode tensor cannot be planned: the engine does not say what it takes on each device, and ends the "
              "process where one of them refuses; use layer");
}

}  // namespace

void validate(const ModelParams& params) {
  if (params.path.empty()) usage("no model was named");
  validate_split_mode(params);
  if (params.gpu_layers < kAllLayers) usage(fmt::format("{} layers cannot be kept on a device", params.gpu_layers));
  validate_main_gpu(params);
  if (params.n_cpu_moe < 0) usage("the number of layers whose experts stay on the host cannot be negative");
  validate_devices(params.devices);
  for (const float share : params.tensor_split) {
    if (!(share >= 0) || !std::isfinite(share))
      usage("a device's share of the tensors is a number that cannot be negative");
  }
  if (params.tensor_split.size() > llama_max_devices()) {
    usage(fmt::format("the tensors can be split over {} devices at most", llama_max_devices()));
  }
  validate_placement(params);
  for (const MetadataOverride& entry : params.metadata_overrides) validate_metadata(entry);
}

namespace {

// The engine decodes a token of every sequence in one call, and gives up where its batch or its context is too small.
void validate_sequences(const ContextParams& params) {
  if (params.n_batch < params.n_seq_max) {
    usage(fmt::format("a batch of {} tokens cannot hold one of each of {} sequences; give it n_batch {}",
                      params.n_batch, params.n_seq_max, params.n_seq_max));
  }
  if (params.n_ctx && *params.n_ctx > 0 && *params.n_ctx < params.n_seq_max) {
    usage(
        fmt::format("a context of {} tokens cannot hold one of each of {} sequences", *params.n_ctx, params.n_seq_max));
  }
}

void validate_threads(std::int32_t n_threads) {
  if (n_threads < 0) usage("the number of threads cannot be negative");
  if (n_threads > GGML_MAX_N_THREADS) {
    usage(fmt::format("the engine computes with {} threads at most, {} were asked for", GGML_MAX_N_THREADS, n_threads));
  }
}

void validate_rope(const ContextParams& params) {
  for (const auto& [value, what] : {std::pair(params.rope_freq_base, "base"), {params.rope_freq_scale, "scale"}}) {
    if (!(value >= 0) || !std::isfinite(value))
      usage(fmt::format("the {} of RoPE's frequencies cannot be {}", what, value));
  }
  for (const float value :
       {params.yarn_ext_factor, params.yarn_attn_factor, params.yarn_beta_fast, params.yarn_beta_slow}) {
    if (!std::isfinite(value)) usage(fmt::format("{} is not a number for YaRN", value));
  }
}

// The engine ends the process where a token would have to see one that is in no micro-batch yet.
void validate_attention(const ContextParams& params) {
  if (params.attention == Attention::unspecified) return;
  if (!params.embeddings)
    usage("the attention of a model that writes text is its own; it is chosen for embeddings alone");
  if (params.attention == Attention::non_causal && params.n_batch > params.n_ubatch)
    usage(
        fmt::format("where every token sees all others a text is computed at once: the batch ({}) cannot be larger "
                    "than the micro-batch ({})",
                    params.n_batch, params.n_ubatch));
}

}  // namespace

void validate(const ContextParams& params) {
  if (params.n_batch == 0) usage("the batch size cannot be 0");
  if (params.n_ubatch == 0) usage("the micro-batch size cannot be 0");
  if (params.n_ubatch > params.n_batch) {
    usage(fmt::format("the micro-batch ({}) cannot be larger than the batch ({})", params.n_ubatch, params.n_batch));
  }
  if (params.n_seq_max == 0) usage("a context needs at least one sequence");
  if (params.n_seq_max > llama_max_parallel_sequences()) {
    usage(fmt::format("the engine runs {} sequences at most in one context, {} were asked for",
                      llama_max_parallel_sequences(), params.n_seq_max));
  }
  validate_threads(params.n_threads);
  validate_threads(params.n_threads_batch);
  if (params.n_ctx.value_or(0) > kMostContext) {
    usage(fmt::format("a context of {} tokens is more than any model has", *params.n_ctx));
  }
  if (params.n_batch > kMostContext) {
    usage(fmt::format("a batch of {} tokens is more than any context holds", params.n_batch));
  }
  validate_sequences(params);
  validate_rope(params);
  validate_attention(params);
  validate_cache_type(params.type_k);
  validate_cache_type(params.type_v);
  if (ggml_is_quantized(to_engine(params.type_v)) && params.flash_attn == FlashAttention::off) {
    usage(fmt::format("a V cache of type {} needs flash attention, which was switched off", to_string(params.type_v)));
  }
}

void validate(const ProjectorParams& params) {
  if (params.path.empty()) usage("no projector was named");
  if (params.image_min_tokens < 0 || params.image_max_tokens < 0)
    usage("a projector's numbers of tokens cannot be negative");
  validate_threads(params.n_threads);
  if (params.image_max_tokens > 0 && params.image_min_tokens > params.image_max_tokens) {
    usage(fmt::format("a picture cannot become at least {} tokens and at most {}", params.image_min_tokens,
                      params.image_max_tokens));
  }
}

std::uint32_t pooled_micro_batch(std::uint32_t n_ubatch, std::uint32_t n_seq_max) {
  return n_seq_max == 0 || n_ubatch < n_seq_max ? n_ubatch : n_ubatch - n_ubatch % n_seq_max;
}

}  // namespace plimsoll::engine
