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
  throw Error(ErrorCode::context_overflow,
              fmt::format("'{}[{}]' is {} tokens long, and '{}' takes {} at once (ubatch-size, ctx-size)", field, index,
                          input.size(), reader.name(), longest),
              {{"needed", input.size()}, {"available", longest}, {"input", index}});
}

void cut_long_ones(const PromptReader& reader, TokenLists& inputs) {
  const std::size_t longest = run::longest_input(reader.context());
  for (std::vector<engine::Token>& input : inputs) input.resize(std::min(input.size(), longest));
}

}  // namespace

TokenLists read_inputs(const PromptReader& reader, const api::EmbeddingRequest& request) {
  if (reader.context().pooling == engine::Pooling::none)
    throw api::bad_request(fmt::format("'{}' gives a vector for each token, not one for a text", reader.name()))
        .at("model");
  api::require_dimensions(request, static_cast<std::size_t>(reader.facts().n_embd_out));
  TokenLists out;
  for (const auto& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    out.push_back(text != nullptr ? reader.vocab().tokenize(*text, true, true)
                                  : std::get<std::vector<engine::Token>>(input));  // no request mixes them
  }
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
