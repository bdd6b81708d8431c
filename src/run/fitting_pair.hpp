// fitting_pair: a query and a document as a reranker wants them, cut to what a context takes.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/model.hpp"

namespace plimsoll::run {

// ranked_pair(), with whole tokens cut off the document's end until it has at most `longest`; `truncated` is set then.
// Of the model its vocabulary is enough.
[[nodiscard]] std::vector<engine::Token> fitting_pair(const engine::Model& model, std::string_view query,
                                                      std::string_view document, std::size_t longest, bool& truncated);

}  // namespace plimsoll::run
