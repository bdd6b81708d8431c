#include "embedding_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <variant>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

namespace plimsoll::server {
namespace {

void require_vectors(const PromptReader& reader) {
  if (reader.facts().has_encoder && reader.facts().has_decoder)
    throw api::bad_request(fmt::format("'{}' is an encoder-decoder model: it gives no vectors of texts", reader.name()))
        .at("model");
}

void check_input(const PromptReader& reader, const std::vector<engine::Token>& input, const char* field,
                 std::size_t index) {
  if (input.empty()) throw api::bad_request(fmt::format("'{}[{}]' is empty", field, index)).at(field);
  reader.require_tokens(input);
  const std::size_t longest = run::longest_input(reader.context());
  if (input.size() <= longest) return;
  throw Error(
      ErrorCode::context_overflow,
      fmt::format("'{}[{}]' is too large: it is {} tokens long, and '{}' takes {} at once (ubatch-size, ctx-size)",
                  field, index, input.size(), reader.name(), longest),
      {{"needed", input.size()}, {"available", longest}, {"input", index}});
}

void cut_long_ones(const PromptReader& reader, TokenLists& inputs) {
  const std::size_t longest = run::longest_input(reader.context());
  for (std::vector<engine::Token>& input : inputs) input.resize(std::min(input.size(), longest));
}

std::vector<engine::Token> tokens_of(const engine::Vocab& vocab, const std::string& text) {
  return vocab.tokenize(text, true, true);
}

std::vector<engine::Token> tokens_of(const engine::Vocab&, const std::vector<engine::Token>& tokens) { return tokens; }

// The model's own tokens stand around a text that comes first.
std::vector<engine::Token> tokens_of(const engine::Vocab& vocab, const api::MixedPrompt& parts) {
  std::vector<engine::Token> out;
  for (const auto& part : parts) {
    if (!part.text.empty()) out.append_range(vocab.tokenize(part.text, &part == &parts.front(), true));
    out.append_range(part.tokens);
  }
  return out;
}

}  // namespace

bool gives_rows(const PromptReader& reader) { return reader.context().pooling == engine::Pooling::none; }

TokenLists read_inputs(const PromptReader& reader, const api::EmbeddingRequest& request) {
  if (gives_rows(reader) && !request.takes_rows)
    throw api::bad_request(fmt::format("'{}' gives a vector for each token, not one for a text", reader.name()))
        .at("model");
  api::require_dimensions(request, static_cast<std::size_t>(reader.facts().n_embd_out));
  TokenLists out;
  for (const auto& input : request.inputs)
    out.push_back(std::visit([&](const auto& one) { return tokens_of(reader.vocab(), one); }, input));
  if (request.truncate) cut_long_ones(reader, out);
  require_vectors(reader);
  for (std::size_t i = 0; i < out.size(); ++i) check_input(reader, out[i], "input", i);
  return out;
}

TokenLists read_pairs(const PromptReader& reader, const api::RankRequest& request, RequestMemory::Share& memory) {
  require_vectors(reader);
  TokenLists out;
  for (const std::string& document : request.documents) {
    std::vector<engine::Token> pair = run::ranked_pair(reader.model(), request.query, document);
    check_input(reader, pair, "documents", out.size());
    memory.grow(Bytes{pair.capacity() * sizeof(engine::Token)});
    out.push_back(std::move(pair));
  }
  return out;
}

}  // namespace plimsoll::server
