// Reranker: how well documents answer a query, as scores of a model that was trained for that.
#pragma once
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/model.hpp>

namespace plimsoll {

struct RankOptions {
  bool sigmoid = false;   // scores as probabilities instead of the model's own numbers
  std::size_t top_n = 0;  // the best N only, best first; 0: all, in the order of the documents
  bool truncate = false;  // a document that is too long loses its end, instead of being refused
  std::stop_token stop{};
};

struct Ranked {
  std::size_t document = 0;  // its place in the input
  float score = 0;
  std::size_t tokens = 0;  // query, document and what the model puts around them
  bool truncated = false;
};

// A handle, made by Runtime::open_reranker(); copies are the same. Any thread; one call at a time, others wait.
class Reranker {
 public:
  // Throws Error: usage (no document), context_overflow (query and document are too long together; nothing was
  // computed), unsupported, cancelled, sealed, out_of_device_memory, engine_failed.
  [[nodiscard]] std::vector<Ranked> rank(std::string_view query, std::span<const std::string> documents,
                                         const RankOptions& options = {}) const;
  [[nodiscard]] std::size_t longest_pair() const;  // tokens, everything counted
  [[nodiscard]] SealCounts seal_counts() const;

  struct State;
  explicit Reranker(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  [[nodiscard]] State& state() const;
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
