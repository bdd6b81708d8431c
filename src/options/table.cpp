#include "options/table.hpp"

#include "member.hpp"
#include "options/path_json.hpp"

namespace plimsoll::options {

template <>
struct Choice<engine::SplitMode> {
  static constexpr const char* names[]{"none", "layer", "row"};
  static constexpr auto parse = engine::split_mode_from_string;  // also knows "tensor", which validate() refuses
  static constexpr auto first = engine::SplitMode::none, last = engine::SplitMode::tensor;
};
template <>
struct Choice<engine::LoadMode> {
  static constexpr const char* names[]{"none", "mmap", "mlock", "mmap+mlock", "dio"};
  static constexpr auto parse = engine::load_mode_from_string;
  static constexpr auto first = engine::LoadMode::automatic, last = engine::LoadMode::direct_io;
};
template <>
struct Choice<engine::CacheType> {
  static constexpr const char* names[]{"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl"};
  static constexpr auto parse = engine::cache_type_from_string;
  static constexpr auto first = engine::CacheType::f32, last = engine::CacheType::bf16;
};
template <>
struct Choice<engine::FlashAttention> {
  static constexpr const char* names[]{"on", "off", "auto"};
  static constexpr auto parse = engine::flash_attn_from_string;
  static constexpr auto first = engine::FlashAttention::automatic, last = engine::FlashAttention::on;
};
template <>
struct Choice<engine::Pooling> {
  static constexpr const char* names[]{"none", "mean", "cls", "last", "rank"};
  static constexpr auto parse = engine::pooling_from_string;
  static constexpr auto first = engine::Pooling::unspecified, last = engine::Pooling::rank;
};

template <>
struct Choice<engine::Attention> {
  static constexpr const char* names[]{"causal", "non-causal"};
  static constexpr auto parse = engine::attention_from_string;
  static constexpr auto first = engine::Attention::unspecified, last = engine::Attention::non_causal;
};

template <>
struct Choice<engine::RopeScaling> {
  static constexpr const char* names[]{"none", "linear", "yarn", "longrope"};
  static constexpr auto parse = engine::rope_scaling_from_string;
  static constexpr auto first = engine::RopeScaling::unspecified, last = engine::RopeScaling::longrope;
};

namespace {

using engine::ContextParams;
using engine::ModelParams;
using engine::ProjectorParams;

// "auto" and "all" are every layer, as llama.cpp's -1 and -2 are.
class Layers : public Member<ModelParams, std::int32_t> {
 public:
  explicit Layers(Option option) : Member(&ModelParams::gpu_layers, std::move(option)) {
    kind = Kind::number_or_text;
    wants = "a number, all or auto";
    words = {"all", "auto", "0"};
  }
  void read(ModelParams& params, const std::string& place, const std::string& text) const override {
    const bool all = text == "auto" || text == "all";
    const auto number = all ? engine::kAllLayers : parse_number<std::int32_t>(text);
    if (!number || *number < -2) not_known(*this, place, text);
    params.gpu_layers = *number < 0 ? engine::kAllLayers : *number;
  }
  [[nodiscard]] std::string text(const ModelParams& params) const override {
    return params.gpu_layers == engine::kAllLayers ? "auto" : std::to_string(params.gpu_layers);
  }
};

template <class Params>
class Path : public Member<Params, std::string> {
 public:
  Path(std::string Params::* member, Option option)
      : Member<Params, std::string>(member, std::move(option)), path_(member) {}
  [[nodiscard]] Json to_json(const Params& params) const override { return PathInJson{params.*path_}; }
  void from_json(Params& params, const Json& json) const override {
    PathInJson path{params.*path_};
    json.get_to(path);
  }

 private:
  std::string Params::* path_;
};

// Each row: the engine's name, flags, what stands for the value, meaning, default where it is not the member's own.

// On which devices a model's layers and tensors lie.
void add_placement_rows(Rows<ModelParams>& rows) {
  Option layers{"gpu_layers",
                {"-ngl", "--gpu-layers", "--n-gpu-layers"},
                "N",
                "layers on accelerators, from the last: a number, `all`, `auto` (the same as `all`)"};
  layers.key = "gpu-layers";
  rows.push_back(std::make_unique<Layers>(std::move(layers)));
  add(rows, &ModelParams::devices,
      {"device",
       {"--device", "-dev"},
       "NAMES",
       "devices to use, with commas; `none` is the CPU alone",
       "every accelerator"});
  add(rows, &ModelParams::split_mode,
      {"split_mode",
       {"-sm", "--split-mode"},
       "MODE",
       "how a model is split over several devices: `none`, `layer`, `row`; `tensor` is "
       "[refused](planning.md#several-accelerators)"});
  add(rows, &ModelParams::tensor_split,
      {"tensor_split",
       {"-ts", "--tensor-split"},
       "SHARES",
       "share of each device, like `3,1`",
       "by the [free memory](planning.md#several-accelerators) of each"})
      .wants = "shares like 3,1";
  add(rows, &ModelParams::main_gpu,
      {"main_gpu", {"-mg", "--main-gpu"}, "INDEX", "the device used with `--split-mode none`"});
  add(rows, &ModelParams::tensor_overrides,
      {"tensor_overrides",
       {"-ot", "--override-tensor"},
       "PATTERN=BUFFER",
       "tensors whose name matches live in that buffer type; repeatable"})
      .has_env = false;
  add(rows, &ModelParams::cpu_moe, {"cpu_moe", {"--cpu-moe", "-cmoe"}, "", "all experts stay on the host"});
  add(rows, &ModelParams::n_cpu_moe,
      {"n_cpu_moe", {"-ncmoe", "--n-cpu-moe"}, "N", "the experts of the first N layers stay on the host"});
}

Rows<ModelParams> model_rows() {
  Rows<ModelParams> rows;
  rows.push_back(std::make_unique<Path<ModelParams>>(&ModelParams::path, Option{"path"}));
  add_placement_rows(rows);
  add(rows, &ModelParams::load_mode,
      {"load_mode",
       {"-lm", "--load-mode"},
       "MODE",
       "how weights are read: `none`, `mmap`, `mlock`, `mmap+mlock`, `dio`"});
  add(rows, &ModelParams::use_extra_bufts,
      {"use_extra_bufts",
       {"-nr", "--no-repack"},
       "",
       "weights on the CPU stay as they lie in the file (mapped, charged to no budget) instead of being copied into a "
       "layout that the CPU computes faster with (`CPU_REPACK`, `AMX`)"});
  add(rows, &ModelParams::host_buffers,
      {"host_buffers",
       {"--no-host"},
       "",
       "weights that stay on the host do not lie in an accelerator's pinned memory, so that the CPU's own layouts can "
       "be "
       "used for them"})
      .key = "host-buffers";
  Option& overrides =
      add(rows, &ModelParams::metadata_overrides,
          {"metadata_overrides",
           {"--override-kv"},
           "KEY=TYPE:VALUE",
           "a value in the place of the one in the file's metadata; the types are `int`, `float`, `bool` and `str`; "
           "repeatable, or with commas between them"});
  overrides.has_env = false;
  overrides.has_commas = true;
  add(rows, &ModelParams::check_tensors,
      {"check_tensors", {"--check-tensors"}, "", "validate tensor data while loading; slow"})
      .changes = Changes::nothing;
  return rows;
}

Rows<ProjectorParams> projector_rows() {
  Rows<ProjectorParams> rows;
  rows.push_back(std::make_unique<Path<ProjectorParams>>(&ProjectorParams::path, Option{"path"}));
  add(rows, &ProjectorParams::offload, {"offload", {"--no-mmproj-offload"}, "", "the projector stays on the CPU"});
  add(rows, &ProjectorParams::image_min_tokens,
      {"image_min_tokens", {"--image-min-tokens"}, "N", "vectors of a picture at least", "the file's own"});
  add(rows, &ProjectorParams::image_max_tokens,
      {"image_max_tokens",
       {"--image-max-tokens"},
       "N",
       "vectors of a picture at most",
       "as many as the engine [reserves memory for](planning.md#projectors) by itself"});
  add(rows, &ProjectorParams::n_threads, {"n_threads"}).changes = Changes::runtime;
  add(rows, &ProjectorParams::flash_attn, {"flash_attn"});
  return rows;
}

template <class Row>
Option& add_context(Rows<ContextParams>& rows, Row member, Option option) {
  option.group = Group::context;
  return add(rows, member, std::move(option));
}

void add_size_rows(Rows<ContextParams>& rows) {
  add_context(rows, &ContextParams::n_ctx,
              {"n_ctx",
               {"-c", "--ctx-size"},
               "N",
               "tokens of context, of all sequences together; 0: the model's own",
               "the smaller of the model's own and 4096"});
  add_context(rows, &ContextParams::n_batch, {"n_batch", {"-b", "--batch-size"}, "N", "tokens of one decode call"})
      .least = 1;
  add_context(rows, &ContextParams::n_ubatch,
              {"n_ubatch",
               {"-ub", "--ubatch-size"},
               "N",
               "tokens the device computes at once",
               "512, or the batch where that is smaller"})
      .least = 1;
  add_context(rows, &ContextParams::n_seq_max, {"n_seq_max", {"-np", "--parallel"}, "N", "sequences"}).least = 1;
  add_context(
      rows, &ContextParams::n_outputs_max,
      {"n_outputs_max", {"--outputs"}, "N", "rows of logits one batch may ask for; 0 holds one for each sequence"});
}

void add_cache_rows(Rows<ContextParams>& rows) {
  add_context(rows, &ContextParams::type_k,
              {"type_k",
               {"-ctk", "--cache-type-k"},
               "TYPE",
               "type of the K cache: `f32`, `f16`, `bf16`, `q8_0`, `q4_0`, `q4_1`, `q5_0`, `q5_1`, `iq4_nl`"});
  add_context(rows, &ContextParams::type_v,
              {"type_v",
               {"-ctv", "--cache-type-v"},
               "TYPE",
               "type of the V cache, one of the same; quantised types need flash attention"});
  add_context(rows, &ContextParams::flash_attn,
              {"flash_attn", {"-fa", "--flash-attn"}, "WHEN", "flash attention: `on`, `off`, `auto`"});
}

// What comes out of it, and what its cache can do.
void add_use_rows(Rows<ContextParams>& rows) {
  add_context(rows, &ContextParams::pooling,
              {"pooling",
               {},
               "HOW",
               "with `embeddings`, how vectors become one: `none`, `mean`, `cls`, `last`; `rank` is for ranking",
               "the model's own",
               "pooling"});
  add_context(rows, &ContextParams::attention,
              {"attention",
               {"--attention"},
               "TYPE",
               "with `embeddings`, what a token sees: `causal` (those before it), `non-causal` (all of them)",
               "the model's own"});
  add_context(rows, &ContextParams::embeddings,
              {"embeddings", {}, "", "the model makes vectors, not text", "", "embeddings"});
  add_context(rows, &ContextParams::kv_unified,
              {"kv_unified", {"-kvu", "--kv-unified"}, "", "one KV buffer for all sequences"});
  add_context(
      rows, &ContextParams::context_shift,
      {"context_shift",
       {},
       "",
       "positions in the cache [can be moved](planning.md#moving-positions), also where that takes more compute "
       "buffers than decoding: with a quantised K cache",
       "",
       "context-shift"});
  add_context(rows, &ContextParams::swa_full,
              {"swa_full", {"--swa-full"}, "", "full-size cache for sliding-window layers"});
  add_context(rows, &ContextParams::offload_kqv,
              {"offload_kqv", {"-nkvo", "--no-kv-offload"}, "", "keep the KV cache on the host"});
  add_context(rows, &ContextParams::op_offload, {"op_offload"});
}

// RoPE, and YaRN, which stretches it.
void add_position_rows(Rows<ContextParams>& rows) {
  constexpr const char* kOfTheModel = "the model's own";
  add_context(rows, &ContextParams::rope_scaling,
              {"rope_scaling",
               {"--rope-scaling"},
               "METHOD",
               "how positions beyond the model's training are scaled: `none`, `linear`, `yarn`, `longrope`",
               kOfTheModel});
  add_context(rows, &ContextParams::rope_freq_base,
              {"rope_freq_base", {"--rope-freq-base"}, "N", "base of RoPE's frequencies", kOfTheModel});
  add_context(rows, &ContextParams::rope_freq_scale,
              {"rope_freq_scale",
               {"--rope-freq-scale"},
               "N",
               "factor of RoPE's frequencies: 0.25 is for four times the context",
               kOfTheModel});
  add_context(rows, &ContextParams::yarn_orig_ctx,
              {"yarn_orig_ctx",
               {"--yarn-orig-ctx"},
               "N",
               "YaRN: tokens of context that the model was trained on",
               kOfTheModel});
  add_context(rows, &ContextParams::yarn_ext_factor,
              {"yarn_ext_factor",
               {"--yarn-ext-factor"},
               "N",
               "YaRN: how much is extrapolated; 0 interpolates alone",
               kOfTheModel});
  add_context(rows, &ContextParams::yarn_attn_factor,
              {"yarn_attn_factor", {"--yarn-attn-factor"}, "N", "YaRN: factor of attention's magnitude", kOfTheModel});
  add_context(rows, &ContextParams::yarn_beta_fast,
              {"yarn_beta_fast", {"--yarn-beta-fast"}, "N", "YaRN: low correction dimension", kOfTheModel});
  add_context(rows, &ContextParams::yarn_beta_slow,
              {"yarn_beta_slow", {"--yarn-beta-slow"}, "N", "YaRN: high correction dimension", kOfTheModel});
}

Rows<ContextParams> context_rows() {
  Rows<ContextParams> rows;
  add_size_rows(rows);
  add_cache_rows(rows);
  add_use_rows(rows);
  add_position_rows(rows);
  add_context(
      rows, &ContextParams::n_threads,
      {"n_threads",
       {"-t", "--threads"},
       "N",
       "CPU threads for generation",
       "the physical cores that the process may use (affinity, cgroup quota; of a chip with fast and slow cores the "
       "fast ones)"})
      .changes = Changes::runtime;
  add_context(rows, &ContextParams::n_threads_batch,
              {"n_threads_batch", {"-tb", "--threads-batch"}, "N", "CPU threads for prompts", "as `--threads`"})
      .changes = Changes::runtime;
  return rows;
}

}  // namespace

template <>
Rows<ModelParams>& mutable_rows() {
  static Rows<ModelParams> rows = model_rows();
  return rows;
}
template <>
Rows<ProjectorParams>& mutable_rows() {
  static Rows<ProjectorParams> rows = projector_rows();
  return rows;
}
template <>
Rows<ContextParams>& mutable_rows() {
  static Rows<ContextParams> rows = context_rows();
  return rows;
}

template <class Params>
const Rows<Params>& rows() {
  return mutable_rows<Params>();
}

template <class Params>
const Row<Params>& row_of(std::string_view param) {
  const auto found = std::ranges::find_if(rows<Params>(), [&](const auto& row) { return row->param == param; });
  if (found == rows<Params>().end())
    throw Error(ErrorCode::internal, fmt::format("the table of options has no '{}'", param));
  return **found;
}

template <class Params>
Json to_json(const Params& params, Part part) {
  Json json = Json::object();
  for (const auto& row : rows<Params>()) {
    if (part == Part::everything || row->changes == Changes::dry_run) json[row->param] = row->to_json(params);
  }
  return json;
}

template <class Params>
Params from_json(const Json& json) {
  Params params;
  for (const auto& row : rows<Params>()) row->from_json(params, json.at(row->param));
  return params;
}

template <class Params>
void follow(Params& other, const Params& from, const Params& to) {
  for (const auto& row : rows<Params>()) row->follow(other, from, to);
}

#define PLIMSOLL_TABLE_OF(Params)                             \
  template const Rows<Params>& rows();                        \
  template const Row<Params>& row_of(std::string_view param); \
  template Json to_json(const Params& params, Part part);     \
  template Params from_json(const Json& json);                \
  template void follow(Params& other, const Params& from, const Params& to);
PLIMSOLL_TABLE_OF(ModelParams)
PLIMSOLL_TABLE_OF(ContextParams)
PLIMSOLL_TABLE_OF(ProjectorParams)
#undef PLIMSOLL_TABLE_OF

}  // namespace plimsoll::options
