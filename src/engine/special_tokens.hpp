// SpecialTokens: the texts that a vocabulary makes into tokens of structure ("<|im_end|>"), and where they stand.
#pragma once
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/vocab.hpp"

namespace plimsoll::engine {

// Any thread. Valid as long as the model that the vocabulary came from.
class SpecialTokens {
 public:
  explicit SpecialTokens(const Vocab& vocab);

  struct Place {
    std::size_t begin;
    std::size_t end;
    Token token;
  };
  // Every one that could be read there, also inside or across another, in the order in which they begin.
  [[nodiscard]] std::vector<Place> all_in(std::string_view text) const;
  [[nodiscard]] bool empty() const noexcept { return by_length_.empty(); }

 private:
  std::array<bool, 256> begins_{};  // whether one begins with this byte
  std::map<std::size_t, std::unordered_map<std::string_view, Token>, std::greater<>> by_length_;
};

// Of those, what the engine reads: the longest first, then from the left, none across another; from left to right.
[[nodiscard]] std::vector<SpecialTokens::Place> as_the_engine_reads(std::vector<SpecialTokens::Place> places);

// A control token, the unknown one, or one that the file has as a text of its own and that looks like a control token:
// "<|end|>" of a turn is such a text in some files.
[[nodiscard]] bool is_structure(const Vocab& vocab, Token token);

}  // namespace plimsoll::engine
