// Model: the weights, and what the file says about them.
#pragma once
#include <llama.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include "engine/facts.hpp"
#include "engine/vocab.hpp"

namespace plimsoll::engine {

// Called with 0 to 1 while loading, on the loading thread.
using Progress = std::function<void(float)>;

struct LoadOptions {
  bool header_only = false;  // sizes are simulated, nothing is allocated (load_mode becomes none)
  // With header_only: read from this file (a BareHeader's) what the model's own would say. Empty: from the model's own.
  std::string header{};
  Progress progress{};
  std::stop_token stop{};
  bool vocab_only = false;  // the tokenizer and nothing else: no context can be made of it
};

class GuardedFile;
class SpecialTokens;

// Move-only. Every const call may come from any thread; a Model outlives its contexts (they keep it alive).
class Model {
 public:
  // Throws Error: usage, model_unusable (missing, not a GGUF, damaged, unknown architecture), cancelled,
  // out_of_device_memory (the engine could not place a buffer).
  [[nodiscard]] static std::shared_ptr<Model> load(const ModelParams& params, const LoadOptions& options = {});

  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const ModelFacts& facts() const noexcept { return facts_; }
  [[nodiscard]] const ModelParams& params() const noexcept { return params_; }
  [[nodiscard]] Vocab vocab() const noexcept;
  [[nodiscard]] const SpecialTokens& special_tokens() const;  // of its vocabulary; looked up at the first call
  // A value of the file's metadata as text; arrays are not offered by the engine.
  [[nodiscard]] std::optional<std::string> metadata(const std::string& key) const;
  [[nodiscard]] std::optional<std::string> chat_template() const;  // the model's own, if it carries one
  // The same by name, "rerank": empty where the file has none of that name.
  [[nodiscard]] std::optional<std::string> chat_template(const std::string& name) const;
  [[nodiscard]] bool has_classifier() const;                    // reads the file's header; milliseconds
  [[nodiscard]] std::vector<std::string> class_labels() const;  // one for each score; "" where the file names none
  // The token an encoder-decoder model begins to decode with; the vocabulary's begin token where the file names none.
  [[nodiscard]] Token decoder_start() const;
  // A model that is mapped reads its file for as long as it lives. False: the file was cut or written to since it was
  // loaded, so what it computes means nothing; load it again, after planning it again. What is cut away reads as zeros,
  // and ends nothing but this model. A file that was replaced (renamed over) is still there for who has mapped it.
  [[nodiscard]] bool is_intact() const noexcept;
  // The path names another file now, or none: the next load is another model's.
  [[nodiscard]] bool is_replaced() const noexcept;
  // The same, looking at the file ten times a second at most: for every computation.
  [[nodiscard]] bool looks_intact() const noexcept;
  void require_intact() const;  // throws Error{model_unusable} where it is not
  // file_fingerprint() of the file that it was loaded from, whatever has its path now. Empty of a header or a
  // vocabulary alone.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] llama_model* handle() const noexcept { return model_; }

 private:
  Model();
  llama_model* model_ = nullptr;
  ModelParams params_;
  ModelFacts facts_;
  std::string fingerprint_;
  std::vector<std::shared_ptr<const GuardedFile>> files_;  // those that are mapped
  mutable std::atomic<std::int64_t> next_look_{0};         // nanoseconds of the steady clock
  mutable std::once_flag special_tokens_are_known_;
  mutable std::unique_ptr<const SpecialTokens> special_tokens_;
};

// Looks at the file alone, before the engine does: it exists, may be read, is a regular file, begins with GGUF, its
// version and counts are sane and every tensor lies inside the file (all files of a split). Throws
// Error{model_unusable} with a sentence that says which of these it was. Cheap: reads the header only.
void check_model_file(const std::string& path);

// "model-00001-of-00003.gguf" gives all three paths; anything else gives itself.
[[nodiscard]] std::vector<std::string> split_files(const std::string& path);

}  // namespace plimsoll::engine
