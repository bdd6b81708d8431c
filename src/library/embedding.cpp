#include "embedding.hpp"

#include <utility>

#include "run/fitting_pair.hpp"

namespace plimsoll::library {
namespace {

run::EmbedParams params_of(const EmbedOptions& options) {
  return {.normalisation = options.normalise ? run::Normalisation::l2 : run::Normalisation::none,
          .stop = options.stop,
          .progress = options.progress};
}

run::RankParams params_of(const RankOptions& options) {
  return {.sigmoid = options.sigmoid, .top_n = options.top_n, .truncate = options.truncate, .stop = options.stop};
}

std::vector<Embedding> told_of(std::vector<run::Embedding> embeddings) {
  std::vector<Embedding> out;
  for (run::Embedding& one : embeddings)
    out.push_back({.width = one.width, .tokens = one.tokens, .values = std::move(one.values)});
  return out;
}

std::vector<Ranked> told_of(const std::vector<run::Ranked>& ranked) {
  std::vector<Ranked> out;
  for (const run::Ranked& one : ranked)
    out.push_back({.document = one.document, .score = one.score, .tokens = one.tokens, .truncated = one.truncated});
  return out;
}

}  // namespace

std::vector<Embedding> embed(run::Embedder& embedder, std::span<const std::string> texts, const EmbedOptions& options) {
  return told_of(embedder.embed(texts, params_of(options)));
}

std::vector<Ranked> rank(run::Reranker& reranker, std::string_view query, std::span<const std::string> documents,
                         const RankOptions& options) {
  return told_of(reranker.rank(query, documents, params_of(options)));
}

std::vector<Embedding> embed(run::ServedModel& model, std::span<const std::string> texts, const EmbedOptions& options) {
  if (run::Instance* const here = model.instance()) {
    run::Embedder embedder(*here);
    return embed(embedder, texts, options);
  }
  std::vector<std::vector<engine::Token>> inputs;
  for (const std::string& text : texts) inputs.push_back(model.vocabulary()->vocab().tokenize(text, true, true));
  return told_of(model.embed(inputs, params_of(options)));
}

std::vector<Ranked> rank(run::ServedModel& model, std::string_view query, std::span<const std::string> documents,
                         const RankOptions& options) {
  if (run::Instance* const here = model.instance()) {
    run::Reranker reranker(*here);
    return rank(reranker, query, documents, options);
  }
  const engine::Model& vocabulary = *model.vocabulary();
  const std::size_t longest = run::longest_input(model.context_facts());
  std::vector<std::vector<engine::Token>> pairs;
  std::vector<bool> truncated(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    bool cut = false;
    pairs.push_back(options.truncate ? run::fitting_pair(vocabulary, query, documents[i], longest, cut)
                                     : run::ranked_pair(vocabulary, query, documents[i]));
    truncated[i] = cut;
  }
  std::vector<run::Ranked> ranked = model.rank(pairs, params_of(options));
  for (run::Ranked& one : ranked) one.truncated = truncated[one.document];
  return told_of(ranked);
}

}  // namespace plimsoll::library
