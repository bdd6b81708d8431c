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

namespace plimsoll::library {

[[nodiscard]] std::vector<Embedding> embed(run::Embedder& embedder, std::span<const std::string> texts,
                                           const EmbedOptions& options);
[[nodiscard]] std::vector<Ranked> rank(run::Reranker& reranker, std::string_view query,
                                       std::span<const std::string> documents, const RankOptions& options);

}  // namespace plimsoll::library
