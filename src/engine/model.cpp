#include "engine/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "engine/backend.hpp"
#include "engine/engine_log.hpp"
#include "engine/file_fingerprint.hpp"
#include "engine/file_identity.hpp"
#include "engine/gguf_header.hpp"
#include "engine/metadata_override.hpp"
#include "engine/threads.hpp"

#include "engine_params.hpp"
#include "mapped_fault.hpp"
#include "special_tokens.hpp"

namespace plimsoll::engine {
namespace {

// llama.cpp's own pattern for the tensors of experts, of one layer or of all.
std::string expert_pattern(const std::string& layer) {
  return "blk\\." + layer + "\\.ffn_(up|down|gate|gate_up)_(ch|)exps";
}

ggml_backend_buffer_type_t buffer_type(const std::string& name) {
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_buffer_type_t type = ggml_backend_dev_buffer_type(ggml_backend_dev_get(i));
    if (type != nullptr && name == ggml_backend_buft_name(type)) return type;
  }
  return nullptr;
}

// The engine's struct, with everything it points to kept alive beside it.
struct EngineParams {
  llama_model_params params = llama_model_default_params();
  std::vector<ggml_backend_dev_t> devices;
  std::vector<std::string> patterns;
  std::vector<llama_model_tensor_buft_override> overrides;
  std::vector<float> tensor_split;
  std::vector<llama_model_kv_override> metadata;
};

void fill_devices(EngineParams& engine, const ModelParams& params) {
  if (params.devices.empty()) return;
  if (params.devices.front() != "none") {
    for (const std::string& name : params.devices) engine.devices.push_back(ggml_backend_dev_by_name(name.c_str()));
  }
  engine.devices.push_back(nullptr);
  engine.params.devices = engine.devices.data();
}

void fill_overrides(EngineParams& engine, const ModelParams& params) {
  std::vector<ggml_backend_buffer_type_t> types;
  for (const TensorOverride& override : params.tensor_overrides) {
    engine.patterns.push_back(override.pattern);
    types.push_back(buffer_type(override.buffer_type));
  }
  if (params.cpu_moe) engine.patterns.push_back("\\.ffn_(up|down|gate|gate_up)_(ch|)exps");
  for (int layer = 0; layer < params.n_cpu_moe; ++layer)
    engine.patterns.push_back(expert_pattern(std::to_string(layer)));
  types.resize(engine.patterns.size(), ggml_backend_cpu_buffer_type());
  if (engine.patterns.empty()) return;
  for (std::size_t i = 0; i < types.size(); ++i) {
    engine.overrides.push_back({.pattern = engine.patterns[i].c_str(), .buft = types[i]});
  }
  engine.overrides.push_back({.pattern = nullptr, .buft = nullptr});
  engine.params.tensor_buft_overrides = engine.overrides.data();
}

// The list ends with an empty key.
void fill_metadata(EngineParams& engine, const ModelParams& params) {
  if (params.metadata_overrides.empty()) return;
  for (const MetadataOverride& entry : params.metadata_overrides) engine.metadata.push_back(to_engine(entry));
  engine.metadata.emplace_back();
  engine.params.kv_overrides = engine.metadata.data();
}

struct Loading {
  const LoadOptions& options;
  bool stopped = false;
};

bool on_progress(float progress, void* data) noexcept {
  auto& loading = *static_cast<Loading*>(data);
  loading.stopped = loading.stopped || loading.options.stop.stop_requested();
  try {
    if (!loading.stopped && loading.options.progress) loading.options.progress(progress);
  } catch (...) {  // nothing may be thrown through the engine: a progress display that fails ends the load
    loading.stopped = true;
  }
  return !loading.stopped;
}

void fill(EngineParams& engine, const ModelParams& params, Loading& loading) {
  engine.params.n_gpu_layers = params.gpu_layers;
  engine.params.split_mode = to_engine(params.split_mode);
  engine.params.main_gpu = params.main_gpu;
  engine.params.load_mode = to_engine(loading.options.header_only ? LoadMode::none : params.load_mode);
  engine.params.no_alloc = loading.options.header_only;
  engine.params.vocab_only = loading.options.vocab_only;
  engine.params.check_tensors = params.check_tensors;
  engine.params.use_extra_bufts = params.use_extra_bufts;
  engine.params.no_host = !params.host_buffers;
  engine.params.progress_callback = on_progress;
  engine.params.progress_callback_user_data = &loading;
  if (!params.tensor_split.empty()) {
    engine.tensor_split = params.tensor_split;
    engine.tensor_split.resize(llama_max_devices(), 0.0F);
    engine.params.tensor_split = engine.tensor_split.data();
  }
  fill_devices(engine, params);
  fill_overrides(engine, params);
  fill_metadata(engine, params);
}

std::string text_of(const llama_model* model, const char* key) {
  std::array<char, 256> buffer{};
  return llama_model_meta_val_str(model, key, buffer.data(), buffer.size()) < 0 ? "" : buffer.data();
}

// The engine knows the usual sizes by name ("8B"); for others it says "?B", and the number of parameters says it
// better.
std::string described(std::string text, std::uint64_t n_params) {
  const std::size_t unknown = text.find("?B");
  if (unknown == std::string::npos) return text;
  const auto millions = static_cast<double>(n_params) / 1e6;
  text.replace(unknown, 2,
               millions < 1000 ? fmt::format("{:.1f}M", millions) : fmt::format("{:.1f}B", millions / 1000));
  return text;
}

ModelFacts read_facts(const llama_model* model, const ModelParams& params) {
  const auto metadata = [&](const std::string& key) {
    return overridden(params.metadata_overrides, key).value_or(text_of(model, key.c_str()));
  };
  std::array<char, 256> description{};
  llama_model_desc(model, description.data(), description.size());
  const std::string architecture = metadata("general.architecture");
  const enum llama_rope_type rope = llama_model_rope_type(model);
  const std::string experts = metadata(architecture + ".expert_count");
  return {.architecture = architecture,
          .description = described(description.data(), llama_model_n_params(model)),
          .n_params = llama_model_n_params(model),
          .tensor_bytes = Bytes{llama_model_size(model)},
          .n_layer = llama_model_n_layer(model),
          .n_embd = llama_model_n_embd(model),
          .n_embd_inp = llama_model_n_embd_inp(model),
          .n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model)),
          .n_swa = llama_model_n_swa(model),
          .n_ctx_train = static_cast<std::uint32_t>(llama_model_n_ctx_train(model)),
          .n_expert = static_cast<std::uint32_t>(std::strtoul(experts.c_str(), nullptr, 10)),
          .has_encoder = llama_model_has_encoder(model),
          .has_decoder = llama_model_has_decoder(model),
          .is_recurrent = llama_model_is_recurrent(model),
          .is_hybrid = llama_model_is_hybrid(model),
          .is_diffusion = llama_model_is_diffusion(model),
          .n_embd_out = llama_model_n_embd_out(model),
          .n_cls_out = static_cast<std::int32_t>(llama_model_n_cls_out(model)),
          .is_causal = metadata(architecture + ".attention.causal") != "false",
          .has_2d_positions = rope == LLAMA_ROPE_TYPE_MROPE || rope == LLAMA_ROPE_TYPE_IMROPE};
}

// The files that stay in use after the load. Guarded from before it, since loading reads them, too.
std::vector<std::shared_ptr<const GuardedFile>> guard(const ModelParams& params, const LoadOptions& options) {
  const bool maps = params.load_mode == LoadMode::mmap || params.load_mode == LoadMode::mmap_mlock ||
                    params.load_mode == LoadMode::automatic;
  std::vector<std::shared_ptr<const GuardedFile>> files;
  if (!maps || options.header_only || options.vocab_only) return files;
  for (const std::string& file : split_files(params.path)) files.push_back(std::make_shared<GuardedFile>(file));
  return files;
}

[[noreturn]] void load_failed(const std::string& path, const EngineLogListener& heard) {
  if (heard.told_of_missing_memory())
    throw Error(ErrorCode::out_of_device_memory, fmt::format("'{}' could not be loaded: {}", path, heard.reason()));
  throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", path, heard.reason()));
}

// The engine's log alone tells which of them it has used. tests/engine/engine_words_engine_test.cpp holds its words.
void require_overrides_to_be_read(const ModelParams& params, const LoadOptions& options,
                                  const EngineLogListener& heard) {
  const auto told = [&](const char* words, const MetadataOverride& entry) {
    return std::ranges::any_of(heard.lines(), [&](const std::string& line) {
      return line.contains(words) && line.contains(fmt::format("'{}'", entry.key));
    });
  };
  for (const MetadataOverride& entry : params.metadata_overrides) {
    if (told("Bad metadata override type", entry))
      throw Error(ErrorCode::usage,
                  fmt::format("'{}' is metadata of another type than it is given as: {}", entry.key, to_string(entry)));
    // A vocabulary alone, or a header without its vocabulary, is not read in full.
    if (!options.header_only && !options.vocab_only && !told("Using metadata override", entry))
      log::warn("engine", "'{}' was given in the place of metadata that nobody reads", to_string(entry));
  }
}

}  // namespace

namespace {

// Loading takes its time, and the engine opens files more than once: what was loaded of two files is of neither.
class LoadedFile {
 public:
  explicit LoadedFile(const std::string& path) : path_(path), identity_(file_identity(path)) {}
  // Throws Error{model_unusable} where it is another by now.
  [[nodiscard]] std::string fingerprint() const {
    std::string fingerprint = file_fingerprint(path_);
    if (file_identity(path_) == identity_) return fingerprint;
    throw Error(ErrorCode::model_unusable, fmt::format("'{}' was changed while it was loaded", path_));
  }

 private:
  const std::string& path_;
  const std::string identity_;
};

}  // namespace

std::shared_ptr<Model> Model::load(const ModelParams& params, const LoadOptions& options) {
  start_backends();
  validate(params);
  const std::string& file = options.header_only && !options.header.empty() ? options.header : params.path;
  check_model_file(file);
  if (options.stop.stop_requested()) throw Error(ErrorCode::cancelled, "loading was cancelled");

  Loading loading{.options = options};
  EngineParams engine;
  fill(engine, params, loading);
  auto guarded = guard(params, options);
  const LoadedFile being_loaded(params.path);
  const EngineLogListener heard;
  llama_model* loaded = llama_model_load_from_file(file.c_str(), engine.params);
  // Weights that are laid out anew are with OpenMP, on this thread, and the model computes on another (a host's compute
  // group).
  release_compute_threads();
  if (loading.stopped) {
    if (loaded != nullptr) llama_model_free(loaded);
    throw Error(ErrorCode::cancelled, "loading was cancelled");
  }
  if (loaded == nullptr) load_failed(params.path, heard);

  auto model = std::shared_ptr<Model>(new Model);
  model->model_ = loaded;
  model->params_ = params;
  model->facts_ = read_facts(loaded, params);
  require_overrides_to_be_read(params, options, heard);
  model->files_ = std::move(guarded);
  model->require_intact();
  if (!options.header_only && !options.vocab_only) model->fingerprint_ = being_loaded.fingerprint();
  return model;
}

Model::Model() = default;

Model::~Model() {
  if (model_ != nullptr) llama_model_free(model_);
}

bool Model::is_intact() const noexcept {
  return std::ranges::none_of(files_, [](const auto& file) { return file->faulted() || file->rewritten(); });
}

bool Model::is_replaced() const noexcept {
  return std::ranges::any_of(files_, [](const auto& file) { return file->replaced(); });
}

bool Model::looks_intact() const noexcept {
  if (std::ranges::any_of(files_, [](const auto& file) { return file->faulted(); })) return false;
  constexpr std::int64_t kBetweenLooks = 100'000'000;
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  if (now < next_look_.load(std::memory_order_relaxed)) return true;
  const bool intact = is_intact();
  if (intact) next_look_.store(now + kBetweenLooks, std::memory_order_relaxed);
  return intact;
}

void Model::require_intact() const {
  if (is_intact()) return;
  throw Error(
      ErrorCode::model_unusable,
      fmt::format("'{}' was changed while the model was in use; what it computes now means nothing, load it again",
                  params_.path));
}

const SpecialTokens& Model::special_tokens() const {
  std::call_once(special_tokens_are_known_,
                 [this] { special_tokens_ = std::make_unique<const SpecialTokens>(vocab()); });
  return *special_tokens_;
}

Vocab Model::vocab() const noexcept { return Vocab(llama_model_get_vocab(model_)); }

std::optional<std::string> Model::metadata(const std::string& key) const {
  if (auto value = overridden(params_.metadata_overrides, key)) return value;
  const std::int32_t length = llama_model_meta_val_str(model_, key.c_str(), nullptr, 0);
  if (length < 0) return std::nullopt;
  std::string value(static_cast<std::size_t>(length) + 1, '\0');
  llama_model_meta_val_str(model_, key.c_str(), value.data(), value.size());
  value.pop_back();
  return value;
}

std::optional<std::string> Model::chat_template() const {
  const char* text = llama_model_chat_template(model_, nullptr);
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

std::optional<std::string> Model::chat_template(const std::string& name) const {
  const char* text = llama_model_chat_template(model_, name.c_str());
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

bool Model::has_classifier() const {
  const GgufHeader header = read_gguf_header(params_.path);
  return header.tensors.contains("cls.weight") || header.tensors.contains("cls.output.weight");
}

std::vector<std::string> Model::class_labels() const {
  std::vector<std::string> labels;
  for (std::uint32_t i = 0; i < llama_model_n_cls_out(model_); ++i) {
    const char* label = llama_model_cls_label(model_, i);
    labels.emplace_back(label == nullptr ? "" : label);
  }
  return labels;
}

Token Model::decoder_start() const {
  const Token token = llama_model_decoder_start_token(model_);
  if (token != LLAMA_TOKEN_NULL) return token;
  return vocab().bos() != LLAMA_TOKEN_NULL ? vocab().bos() : 0;
}

}  // namespace plimsoll::engine
