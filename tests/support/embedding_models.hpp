// embedding_models: models opened for embeddings or for ranking, small and on the CPU.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "run/embedder.hpp"
#include "run/reranker.hpp"

#include "small_models.hpp"

namespace plimsoll::test {

// `path` with this many sequences of up to 64 tokens in micro-batches of 64, context of 256 tokens.
[[nodiscard]] plan::Request embedding_request(const std::string& path, engine::Pooling pooling,
                                              std::uint32_t sequences = 4);
[[nodiscard]] plan::Request ranking_request(const std::string& path, std::uint32_t sequences = 4);

// The largest difference between two vectors' numbers.
[[nodiscard]] double distance(std::span<const float> a, std::span<const float> b);
[[nodiscard]] double length(std::span<const float> row);

// "CPU CPU compute 4096", sorted; the runtime stage, which is measured, left out.
[[nodiscard]] std::vector<std::string> planned_places(const std::vector<plan::Entry>& entries);

// n inputs of different lengths, 1 to 40 tokens each.
[[nodiscard]] std::vector<std::vector<engine::Token>> some_inputs(std::size_t n);

}  // namespace plimsoll::test
