#include "run/fitting_pair.hpp"

#include <algorithm>

#include "run/reranker.hpp"

namespace plimsoll::run {

// Text that is tokenized again may come out a few tokens longer or shorter, so this looks again after each cut; what
// stands around the document is never touched.
std::vector<engine::Token> fitting_pair(const engine::Model& model, std::string_view query, std::string_view document,
                                        std::size_t longest, bool& truncated) {
  const engine::Vocab vocab = model.vocab();
  std::vector<engine::Token> tokens = ranked_pair(model, query, document);
  if (tokens.size() <= longest) return tokens;
  truncated = true;
  std::vector<engine::Token> left = vocab.tokenize(document, false, false);
  while (tokens.size() > longest && !left.empty()) {
    left.resize(left.size() - std::min(left.size(), tokens.size() - longest));
    tokens = ranked_pair(model, query, vocab.detokenize(left));
  }
  return tokens;
}

}  // namespace plimsoll::run
