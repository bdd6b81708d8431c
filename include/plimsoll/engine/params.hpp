// What a model and a context are made with. Plain structs; defaults are those of llama.cpp's tools (not of its
// library). Names are llama.cpp's. Units stand beside the fields.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plimsoll::engine {

// llama.cpp's choices, by its numbers (src/engine/engine_params.hpp holds them against its own).
enum class SplitMode { none = 0, layer = 1, row = 2, tensor = 3 };
enum class LoadMode { automatic = -1, none = 0, mmap = 1, mlock = 2, mmap_mlock = 3, direct_io = 4 };
enum class FlashAttention { automatic = -1, off = 0, on = 1 };
enum class Pooling { unspecified = -1, none = 0, mean = 1, cls = 2, last = 3, rank = 4 };
enum class Attention { unspecified = -1, causal = 0, non_causal = 1 };
enum class RopeScaling { unspecified = -1, none = 0, linear = 1, yarn = 2, longrope = 3 };
// The types that the engine takes for a KV cache.
enum class CacheType { f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, iq4_nl = 20, bf16 = 30 };

using Token = std::int32_t;
inline constexpr Token kNoToken = -1;  // "there is none", and where a vector stands in a token's place

inline constexpr std::int32_t kAllLayers = -1;  // every layer and the output layer

// A tensor whose name matches the regular expression lives in this buffer type: {"ffn_.*_exps", "CPU"}.
struct TensorOverride {
  std::string pattern;
  std::string buffer_type;
  friend bool operator==(const TensorOverride&, const TensorOverride&) = default;
};

// A value in the place of the one in a file's metadata. Keys and texts have 127 bytes at most, and are UTF-8.
struct MetadataOverride {
  std::string key;
  std::variant<std::int64_t, double, bool, std::string> value;
  friend bool operator==(const MetadataOverride&, const MetadataOverride&) = default;
};

struct ModelParams {
  std::string path;                      // a GGUF file, or the first file of a split model
  std::vector<std::string> devices;      // ggml names; empty: every accelerator; {"none"}: the CPU alone
  std::int32_t gpu_layers = kAllLayers;  // layers kept on accelerators, counted from the last
  SplitMode split_mode = SplitMode::layer;
  std::int32_t main_gpu = 0;        // used with split_mode none
  std::vector<float> tensor_split;  // share of each device; empty: the engine's choice, by free memory
  LoadMode load_mode = LoadMode::mmap;
  std::vector<TensorOverride> tensor_overrides;
  bool cpu_moe = false;        // all experts stay on the host
  std::int32_t n_cpu_moe = 0;  // the experts of the first N layers stay on the host
  // Weights may be copied into a layout of the CPU's own (CPU_REPACK, AMX): faster, but then a buffer that is charged,
  // where mapped pages of the file are not. False: they stay as they lie in the file.
  bool use_extra_bufts = true;
  // Weights that stay on the host lie in an accelerator's pinned memory, from where it takes them for large batches.
  // False: in the CPU's buffers, also of the layouts above.
  bool host_buffers = true;
  std::vector<MetadataOverride> metadata_overrides;
  bool check_tensors = false;  // validate tensor data while loading: slow
  friend bool operator==(const ModelParams&, const ModelParams&) = default;
};

// Which adapter, how strong.
struct AdapterParams {
  std::string path;
  float scale = 1.0F;
  friend bool operator==(const AdapterParams&, const AdapterParams&) = default;
};

// Files that are scaled and summed, and the layers that they steer; 0: the first that can be, the last there is.
struct ControlVectorParams {
  std::vector<AdapterParams> files{};  // empty: none
  std::int32_t first_layer = 0;
  std::int32_t last_layer = 0;
  friend bool operator==(const ControlVectorParams&, const ControlVectorParams&) = default;
};

// What turns pictures and sounds into vectors for the model.
struct ProjectorParams {
  std::string path{};                 // a GGUF file; empty: none
  bool offload = true;                // on the model's first accelerator, where it uses one
  std::int32_t image_min_tokens = 0;  // of a picture of any size; 0: the file's own
  std::int32_t image_max_tokens = 0;
  std::int32_t n_threads = 0;  // 0: the physical cores that this process may use, within its quota
  FlashAttention flash_attn = FlashAttention::automatic;
  [[nodiscard]] bool wanted() const noexcept { return !path.empty(); }
  friend bool operator==(const ProjectorParams&, const ProjectorParams&) = default;
};

inline constexpr std::uint32_t kDefaultContext = 4096;

struct ContextParams {
  // Tokens of all sequences together. Empty: the smaller of the model's training context and 4096. 0: the model's own.
  std::optional<std::uint32_t> n_ctx;
  std::uint32_t n_batch = 2048;  // tokens a decode call may take
  std::uint32_t n_ubatch = 512;  // tokens the device computes at once
  std::uint32_t n_seq_max = 1;
  // Rows of logits one decode call may ask for; one for each sequence where that is more. A context for embeddings has
  // a row for every token, whatever stands here.
  std::uint32_t n_outputs_max = 0;
  std::int32_t n_threads = 0;        // 0: the physical cores that this process may use, within its quota
  std::int32_t n_threads_batch = 0;  // 0: n_threads
  CacheType type_k = CacheType::f16;
  CacheType type_v = CacheType::f16;
  FlashAttention flash_attn = FlashAttention::automatic;
  Pooling pooling = Pooling::unspecified;
  Attention attention = Attention::unspecified;  // what a token sees, of embeddings; unspecified: as the model's own
  bool embeddings = false;                       // must be decided here: switching it on later can crash the engine
  bool offload_kqv = true;                       // KV cache on the accelerator
  bool op_offload = true;
  bool swa_full = false;    // full-size cache for sliding-window layers
  bool kv_unified = false;  // one KV buffer shared by all sequences
  // Positions in memory can be moved (Conversation::shift_left() and the like), whatever compute buffers that takes.
  // false: only where it takes no more than decoding does; so it is with a K cache of f32, f16 or bf16. A quantised
  // one may need four bytes for each number of a layer's.
  bool context_shift = false;
  // How positions become angles (RoPE), for contexts that are longer than the model was trained on. What is left as it
  // stands here is the model file's own.
  RopeScaling rope_scaling = RopeScaling::unspecified;
  float rope_freq_base = 0;
  float rope_freq_scale = 0;        // 0.25: four times the context
  std::uint32_t yarn_orig_ctx = 0;  // tokens of context that the model was trained on
  float yarn_ext_factor = -1;       // of extrapolation; 0: interpolation alone
  float yarn_attn_factor = -1;
  float yarn_beta_fast = -1;
  float yarn_beta_slow = -1;
  friend bool operator==(const ContextParams&, const ContextParams&) = default;
};

// "f16", "q8_0" ... as ggml spells them. Empty where there is no such type, or the engine takes it for no cache.
[[nodiscard]] std::optional<CacheType> cache_type_from_string(std::string_view name);
[[nodiscard]] std::string_view to_string(CacheType type) noexcept;
[[nodiscard]] std::optional<FlashAttention> flash_attn_from_string(std::string_view name);  // on|off|auto
[[nodiscard]] std::optional<LoadMode> load_mode_from_string(std::string_view name);         // none|mmap|...
[[nodiscard]] std::string_view to_string(LoadMode mode) noexcept;
// none|layer|row, and "tensor", which validate() then refuses with the reason.
[[nodiscard]] std::optional<SplitMode> split_mode_from_string(std::string_view name);

// none|linear|yarn|longrope
[[nodiscard]] std::optional<RopeScaling> rope_scaling_from_string(std::string_view name);
// causal|non-causal
[[nodiscard]] std::optional<Attention> attention_from_string(std::string_view name);
// KEY=TYPE:VALUE with the types int, float, bool and str, several with commas between them. Empty: of no such form.
[[nodiscard]] std::optional<std::vector<MetadataOverride>> metadata_overrides_from_string(std::string_view text);
[[nodiscard]] std::string to_string(const MetadataOverride& entry);  // KEY=TYPE:VALUE
// none|mean|cls|last|rank
[[nodiscard]] std::optional<Pooling> pooling_from_string(std::string_view name);
[[nodiscard]] std::string_view to_string(Pooling pooling) noexcept;  // "unspecified" too

// What can be judged without a model: n_ubatch > n_batch, a batch or a context that cannot hold a token of each
// sequence, a quantised V cache without flash attention, numbers that are negative or beyond the engine's limits, or no
// number, unknown devices, overrides that are no regular expression or name no buffer type. Throws Error{usage}.
void validate(const ModelParams& params);
void validate(const ContextParams& params);
void validate(const ProjectorParams& params);  // numbers as above, a smallest picture above the largest

// Micro-batches of a context that makes one vector of each sequence are whole multiples of the sequences: the engine
// would end the process otherwise. The largest such that is no larger than `n_ubatch`, or `n_ubatch` where it is
// smaller than the sequences are many.
[[nodiscard]] std::uint32_t pooled_micro_batch(std::uint32_t n_ubatch, std::uint32_t n_seq_max);

}  // namespace plimsoll::engine
