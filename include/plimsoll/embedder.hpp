// Embedder: texts in, vectors out.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/model.hpp>

namespace plimsoll {

struct EmbedderOptions {
  ModelOptions model{};  // context.n_seq_max: texts that go through the model together
  engine::Pooling pooling = engine::Pooling::unspecified;  // unspecified: the model's own
};

struct EmbedOptions {
  bool normalise = true;   // to length 1
  std::stop_token stop{};  // honoured between batches and, on the CPU, inside them
  std::function<void(std::size_t done, std::size_t of)> progress{};  // texts, after each batch
};

struct Embedding {
  std::size_t width = 0;      // numbers of a row
  std::size_t tokens = 0;     // of the text
  std::vector<float> values;  // row after row: one row, or with pooling none one for each token
};

// A handle, made by Runtime::open_embedder(); copies are the same. Any thread; one call at a time, others wait.
class Embedder {
 public:
  // In the order of the texts. Throws Error: usage (a text without a token), context_overflow (nothing was computed),
  // unsupported, cancelled, sealed, out_of_device_memory, engine_failed.
  [[nodiscard]] std::vector<Embedding> embed(std::span<const std::string> texts,
                                             const EmbedOptions& options = {}) const;
  [[nodiscard]] Embedding embed(std::string_view text, const EmbedOptions& options = {}) const;

  [[nodiscard]] std::size_t width() const;
  [[nodiscard]] std::size_t longest_input() const;  // tokens that one text may have
  [[nodiscard]] engine::Pooling pooling() const;
  [[nodiscard]] SealCounts seal_counts() const;

  struct State;
  explicit Embedder(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  [[nodiscard]] State& state() const;
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
