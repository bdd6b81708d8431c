#include "written_under.hpp"

#include <cmath>
#include <vector>

#include "engine/sampler.hpp"

#include "random_logits.hpp"

namespace plimsoll::test {

using namespace engine;  // NOLINT: what the grammars are tried on

constexpr std::size_t kMostTokens = 1500;

std::optional<std::string> written_under(const Model& model, const std::string& grammar, std::uint32_t seed) {
  SamplingParams params{.seed = seed, .temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
  params.grammar = grammar;
  const auto n_vocab = static_cast<std::size_t>(model.facts().n_vocab);
  const Vocab vocab = model.vocab();
  std::vector<bool> closes(n_vocab);
  for (std::size_t i = 0; i < n_vocab; ++i) {
    const auto token = static_cast<Token>(i);
    const std::string piece = vocab.piece(token);
    closes[i] = vocab.is_end_of_generation(token) || piece == "\"" || piece == "]" || piece == "}";
    if (piece == "b") params.logit_bias.push_back({.token = token, .bias = 6});  // some patterns wait for it
    // Lone bytes are left out: the engine's grammars take overlong sequences of them for characters, and those are no
    // UTF-8 (json_schema.hpp says so).
    if (piece.size() == 1 && static_cast<unsigned char>(piece[0]) >= 0x80)
      params.logit_bias.push_back({.token = token, .bias = -INFINITY});
  }
  Sampler sampler(model, params);
  std::vector<Token> tokens;
  while (tokens.size() < kMostTokens) {
    std::vector<float> logits = random_logits(n_vocab, tokens, seed);
    for (std::size_t i = 0; i < n_vocab; ++i)
      logits[i] += closes[i] ? 2.0F + 0.2F * static_cast<float>(tokens.size()) : 0;
    tokens.push_back(sampler.sample(logits));
    if (vocab.is_end_of_generation(tokens.back())) return vocab.detokenize(tokens);
  }
  return std::nullopt;
}

}  // namespace plimsoll::test
