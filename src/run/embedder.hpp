// Embedder: texts in, vectors out, on one ready instance whose context was planned for embeddings.
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

// Makes a request into one for embeddings: the context gives them from its first moment (switching them on later can
// crash the engine), its batch is one micro-batch, since a vector of a whole text is made inside one, and its sequences
// share one cache, so that texts of different lengths go through together. `pooling` unspecified: the model's own.
// With any pooling but none, a micro-batch that is no multiple of the sequences becomes the next smaller one that is.
void plan_for_embeddings(engine::ContextParams& context, engine::Pooling pooling = engine::Pooling::unspecified);
void plan_for_embeddings(dry_run::DryRunRequest& request, engine::Pooling pooling = engine::Pooling::unspecified);

enum class Normalisation { none, l2 };  // l2: of length 1

struct EmbedParams {
  Normalisation normalisation = Normalisation::l2;
  std::stop_token stop{};  // honoured between batches and, on the CPU, inside them
  std::function<void(std::size_t done, std::size_t of)> progress{};  // inputs, after each batch
  std::function<void()> between_batches{};                           // the place to let others use the instance
};

struct Embedding {
  std::size_t width = 0;      // numbers of a row
  std::size_t tokens = 0;     // of the input
  std::vector<float> values;  // row after row: one row, or with pooling none one for each token
  [[nodiscard]] std::size_t rows() const noexcept { return width == 0 ? 0 : values.size() / width; }
  [[nodiscard]] std::span<const float> row(std::size_t index) const {
    return std::span(values).subspan(index * width, width);
  }
};

// One thread at a time; the instance must outlive it. Inputs are packed over the context's sequences; what a vector is
// does not depend on its neighbours beyond rounding (seen on the CPU: at most 2e-5 of a normalised vector's numbers).
// The context is empty before and after every call, also after a failure.
class Embedder {
 public:
  // Throws Error: usage (the instance has no context, or none for embeddings, or one for ranking), unsupported (an
  // encoder-decoder model).
  explicit Embedder(Instance& instance);

  // In the order of the inputs. Throws Error: usage (an input without a token, an unknown token), busy (an executor
  // has the instance's sequences), context_overflow (needed and available; nothing was computed), unsupported (text,
  // and the model carries no vocabulary), cancelled, sealed, out_of_device_memory, engine_failed.
  [[nodiscard]] std::vector<Embedding> embed(std::span<const std::vector<engine::Token>> inputs,
                                             const EmbedParams& params = {});
  [[nodiscard]] std::vector<Embedding> embed(std::span<const std::string> texts, const EmbedParams& params = {});
  [[nodiscard]] Embedding embed(std::string_view text, const EmbedParams& params = {});

  [[nodiscard]] engine::Pooling pooling() const noexcept { return pooling_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  // Tokens that one input may have. With pooling mean or cls, and where every token sees all others, a text must fit
  // into one micro-batch; with last and none a causal model takes as much as its context holds.
  [[nodiscard]] std::size_t longest_input() const noexcept { return longest_; }

 private:
  Instance& instance_;
  engine::Pooling pooling_;
  std::size_t width_ = 0;
  std::size_t longest_ = 0;
};

// The same of a context for embeddings that is only planned.
[[nodiscard]] std::size_t longest_input(const engine::ContextFacts& context);

}  // namespace plimsoll::run
