// embedding_inputs: what a model for embeddings or for ranking is to read of a request, as tokens.
#pragma once
#include <vector>

#include "api/embedding_request.hpp"

#include "prompt_reader.hpp"
#include "request_memory.hpp"

namespace plimsoll::server {

using TokenLists = std::vector<std::vector<engine::Token>>;

// A vector for each token, and none for a text.
[[nodiscard]] bool gives_rows(const PromptReader& reader);

// Both throw api::Problem 400, and Error: usage (a token that the model does not have), context_overflow (a text that
// is longer than what it takes at once).
[[nodiscard]] TokenLists read_inputs(const PromptReader& reader, const api::EmbeddingRequest& request);
// The query stands in each pair, so they may be much more than the request: they are charged to `memory`, and the first
// one that is too long is the last that is read. Throws as RequestMemory::take(), too.
[[nodiscard]] TokenLists read_pairs(const PromptReader& reader, const api::RankRequest& request,
                                    RequestMemory::Share& memory);

}  // namespace plimsoll::server
