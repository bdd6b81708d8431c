// embedding: vectors and scores of a run's embedder and reranker as this library's values.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/embedder.hpp>
#include <plimsoll/reranker.hpp>
#include "run/embedder.hpp"
#include "run/reranker.hpp"
#include "run/served_model.hpp"

namespace plimsoll::library {

[[nodiscard]] std::vector<Embedding> embed(run::Embedder& embedder, std::span<const std::string> texts,
                                           const EmbedOptions& options);
[[nodiscard]] std::vector<Ranked> rank(run::Reranker& reranker, std::string_view query,
                                       std::span<const std::string> documents, const RankOptions& options);
// The same of a host's model, wherever it computes.
[[nodiscard]] std::vector<Embedding> embed(run::ServedModel& model, std::span<const std::string> texts,
                                           const EmbedOptions& options);
[[nodiscard]] std::vector<Ranked> rank(run::ServedModel& model, std::string_view query,
                                       std::span<const std::string> documents, const RankOptions& options);

}  // namespace plimsoll::library
