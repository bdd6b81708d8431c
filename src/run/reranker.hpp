// Reranker: how well documents answer a query, as scores, on one ready instance of a model trained for that.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "run/instance.hpp"

namespace plimsoll::run {

// Makes a request into one for ranking; see plan_for_embeddings().
void plan_for_ranking(dry_run::DryRunRequest& request);

struct RankParams {
  bool sigmoid = false;   // scores as probabilities instead of the model's own numbers
  std::size_t top_n = 0;  // the best N only, best first; 0: all
  bool truncate = false;  // a document that is too long loses its end, instead of being refused
  std::stop_token stop{};
  std::function<void(std::size_t done, std::size_t of)> progress{};  // documents, after each batch
  std::function<void()> between_batches{};                           // the place to let others use the instance
};

struct Ranked {
  std::size_t document = 0;    // its place in the input
  float score = 0;             // the first of the model's classes
  std::vector<float> classes;  // every class, in the order of labels()
  std::size_t tokens = 0;      // query, document and what the model puts around them
  bool truncated = false;
};

// One thread at a time; the instance must outlive it. The context is empty before and after every call, also after a
// failure.
class Reranker {
 public:
  // Throws Error: usage (the context was not planned for ranking), unsupported (an encoder-decoder model).
  explicit Reranker(Instance& instance);

  // In the order of the documents; with top_n, or best_first(), the highest score first. Throws Error: usage (no
  // document), context_overflow (query and document are longer than one micro-batch: needed and available; nothing was
  // computed), unsupported (no vocabulary), cancelled, sealed, out_of_device_memory, engine_failed.
  [[nodiscard]] std::vector<Ranked> rank(std::string_view query, std::span<const std::string> documents,
                                         const RankParams& params = {});
  // For models without a vocabulary: query and document joined already, as the model wants them.
  [[nodiscard]] std::vector<Ranked> rank(std::span<const std::vector<engine::Token>> pairs,
                                         const RankParams& params = {});

  // The pair as the model was trained on it: the file's "rerank" template with {query} and {document} filled in, else
  // begin, query, end, separator, document, end, each only where the model's vocabulary says it is added.
  [[nodiscard]] std::vector<engine::Token> pair(std::string_view query, std::string_view document) const;

  [[nodiscard]] const std::vector<std::string>& labels() const noexcept { return labels_; }  // "" where unnamed
  [[nodiscard]] std::size_t longest_pair() const noexcept { return longest_; }  // tokens, everything counted

 private:
  [[nodiscard]] std::vector<engine::Token> fitting_pair(std::string_view query, std::string_view document,
                                                        bool& truncated) const;
  Instance& instance_;
  std::vector<std::string> labels_;
  std::size_t longest_ = 0;
};

// The same of a model that is not loaded: its vocabulary is enough.
[[nodiscard]] std::vector<engine::Token> ranked_pair(const engine::Model& model, std::string_view query,
                                                     std::string_view document);

// Sorts by score, the highest first; equal scores keep their order.
void best_first(std::vector<Ranked>& ranked);

}  // namespace plimsoll::run
