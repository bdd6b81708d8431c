// pooled_batches: many inputs through one context made for embeddings, several sequences at a time; what embedder and
// reranker share.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "run/instance.hpp"

namespace plimsoll::run {

// What one call of the engine may hold.
struct BatchLimits {
  std::size_t tokens = 0;
  std::size_t sequences = 1;
  std::size_t longest = 0;  // tokens of one input; more than `tokens` where an input may take several calls
};

// Groups of neighbours, each within the limits; an input longer than `tokens` is a group of its own. Pure.
[[nodiscard]] std::vector<std::vector<std::size_t>> pack(std::span<const std::size_t> lengths,
                                                         const BatchLimits& limits);

// What this context can take at once so that the vectors come out right. Throws Error: usage (the context was not made
// for embeddings), unsupported (an encoder-decoder model).
[[nodiscard]] BatchLimits batch_limits(const engine::Context& context);

// Receives the rows of one input, one after the other: one, or with pooling none one for each token.
using TakeRow = std::function<void(std::size_t input, std::span<const float> row)>;

struct PooledWork {
  std::stop_token stop{};  // honoured between batches and, on the CPU, inside them
  std::function<void(std::size_t done, std::size_t of)> progress{};  // inputs, after each batch
  std::function<void()> between_batches{};  // nobody has the sequences meanwhile; the instance may have been used
};

// Every input in its order; the context is empty before and after, also where this throws. Throws Error: usage (no
// token, an unknown one), busy (an executor has the sequences), context_overflow (an input longer than the limits,
// before anything is computed), cancelled, out_of_device_memory, engine_failed.
void run_pooled(Instance& instance, std::span<const std::vector<engine::Token>> inputs, const PooledWork& work,
                const TakeRow& take);

}  // namespace plimsoll::run
