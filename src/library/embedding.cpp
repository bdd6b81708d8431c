#include "embedding.hpp"

#include <utility>

namespace plimsoll::library {

std::vector<Embedding> embed(run::Embedder& embedder, std::span<const std::string> texts, const EmbedOptions& options) {
  const run::EmbedParams params{.normalisation = options.normalise ? run::Normalisation::l2 : run::Normalisation::none,
                                .stop = options.stop,
                                .progress = options.progress};
  std::vector<Embedding> out;
  for (run::Embedding& one : embedder.embed(texts, params))
    out.push_back({.width = one.width, .tokens = one.tokens, .values = std::move(one.values)});
  return out;
}

std::vector<Ranked> rank(run::Reranker& reranker, std::string_view query, std::span<const std::string> documents,
                         const RankOptions& options) {
  const run::RankParams params{
      .sigmoid = options.sigmoid, .top_n = options.top_n, .truncate = options.truncate, .stop = options.stop};
  std::vector<Ranked> out;
  for (const run::Ranked& one : reranker.rank(query, documents, params))
    out.push_back({.document = one.document, .score = one.score, .tokens = one.tokens, .truncated = one.truncated});
  return out;
}

}  // namespace plimsoll::library
