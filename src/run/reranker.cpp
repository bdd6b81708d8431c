#include "run/reranker.hpp"

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "run/embedder.hpp"
#include "run/fitting_pair.hpp"

#include "pooled_batches.hpp"

namespace plimsoll::run {
namespace {

// Both places in one pass: what was filled in is text, and is not looked at again.
std::string filled(std::string_view form, std::string_view query, std::string_view document) {
  constexpr std::string_view kQuery = "{query}";
  constexpr std::string_view kDocument = "{document}";
  std::string text;
  while (!form.empty()) {
    if (form.starts_with(kQuery)) {
      text += query;
      form.remove_prefix(kQuery.size());
    } else if (form.starts_with(kDocument)) {
      text += document;
      form.remove_prefix(kDocument.size());
    } else {
      text += form.front();
      form.remove_prefix(1);
    }
  }
  return text;
}

std::vector<engine::Token> joined(const engine::Vocab& vocab, const std::vector<engine::Token>& query,
                                  const std::vector<engine::Token>& document) {
  const llama_vocab* handle = vocab.handle();
  const engine::Token separator = llama_vocab_sep(handle);
  const engine::Token end = vocab.eos() == LLAMA_TOKEN_NULL ? separator : vocab.eos();
  std::vector<engine::Token> tokens;
  const auto add = [&](bool wanted, engine::Token token) {
    if (wanted && token != LLAMA_TOKEN_NULL) tokens.push_back(token);
  };
  add(vocab.adds_bos(), vocab.bos());
  tokens.insert(tokens.end(), query.begin(), query.end());
  add(llama_vocab_get_add_eos(handle), end);
  add(llama_vocab_get_add_sep(handle), separator);
  tokens.insert(tokens.end(), document.begin(), document.end());
  add(llama_vocab_get_add_eos(handle), end);
  return tokens;
}

}  // namespace

void plan_for_ranking(dry_run::DryRunRequest& request) { plan_for_embeddings(request, engine::Pooling::rank); }

void best_first(std::vector<Ranked>& ranked) {
  std::ranges::stable_sort(ranked, std::ranges::greater{}, &Ranked::score);
}

Reranker::Reranker(Instance& instance) : instance_(instance), labels_(instance.model()->class_labels()) {
  longest_ = batch_limits(instance.context()).longest;
  if (instance.context().facts().pooling != engine::Pooling::rank)
    throw Error(ErrorCode::usage, "this context gives embeddings; one for ranking must be planned as such");
}

std::vector<engine::Token> Reranker::pair(std::string_view query, std::string_view document) const {
  return ranked_pair(*instance_.model(), query, document);
}

std::vector<engine::Token> ranked_pair(const engine::Model& model, std::string_view query, std::string_view document) {
  const engine::Vocab vocab = model.vocab();
  if (const auto form = model.chat_template("rerank"))
    return vocab.tokenize(filled(*form, query, document), false, true);
  return joined(vocab, vocab.tokenize(query, false, false), vocab.tokenize(document, false, false));
}

std::vector<engine::Token> Reranker::fitting_pair(std::string_view query, std::string_view document,
                                                  bool& truncated) const {
  return run::fitting_pair(*instance_.model(), query, document, longest_, truncated);
}

std::vector<Ranked> Reranker::rank(std::string_view query, std::span<const std::string> documents,
                                   const RankParams& params) {
  std::vector<std::vector<engine::Token>> pairs;
  std::vector<bool> truncated;
  for (const std::string& document : documents) {
    bool cut = false;
    pairs.push_back(params.truncate ? fitting_pair(query, document, cut) : pair(query, document));
    truncated.push_back(cut);
  }
  std::vector<Ranked> ranked = rank(pairs, params);
  for (Ranked& one : ranked) one.truncated = truncated[one.document];
  return ranked;
}

std::vector<Ranked> Reranker::rank(std::span<const std::vector<engine::Token>> pairs, const RankParams& params) {
  if (pairs.empty()) throw Error(ErrorCode::usage, "there is no document to rank");
  std::vector<Ranked> ranked(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ranked[i].document = i;
    ranked[i].tokens = pairs[i].size();
  }
  run_pooled(instance_, pairs,
             {.stop = params.stop, .progress = params.progress, .between_batches = params.between_batches},
             [&](std::size_t input, std::span<const float> row) {
               std::vector<float>& classes = ranked[input].classes;
               classes.assign(row.begin(), row.end());
               if (params.sigmoid)
                 std::ranges::transform(classes, classes.begin(), [](float x) { return 1 / (1 + std::exp(-x)); });
               ranked[input].score = classes.front();
             });
  if (params.top_n == 0) return ranked;
  best_first(ranked);
  ranked.resize(std::min(params.top_n, ranked.size()));
  return ranked;
}

}  // namespace plimsoll::run
