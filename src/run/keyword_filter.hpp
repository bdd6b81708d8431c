// KeywordFilter: takes given words out of a stream of text, also where they come in several pieces.
#pragma once
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "run/text_filter.hpp"

namespace plimsoll::run {

// Of two words that begin at one place the longer goes. Holds back what may still become a word: less than the longest.
// However much comes at once, each word is looked for in it once. One thread.
class KeywordFilter : public TextFilter {
 public:
  enum class Takes {
    keyword,  // the word alone
    pieces,   // every piece that holds a part of it
  };
  explicit KeywordFilter(std::vector<std::string> keywords, Takes takes = Takes::keyword);  // empty ones are ignored

  // What can be shown now; may be empty.
  [[nodiscard]] std::string push(std::string_view piece) override;
  // What was held back, once no more pieces come. The filter begins anew.
  [[nodiscard]] std::string finish() override;

 private:
  struct Match {
    std::size_t at = 0;
    std::size_t size = 0;
  };
  // Places count from the first byte that is not taken. `next`: where each word comes next in held_, as far as known.
  [[nodiscard]] Match find(std::vector<std::size_t>& next) const;  // the first, the longest there; at npos: none
  [[nodiscard]] std::size_t unfinished(std::size_t up_to) const;   // where a word may have begun, up_to where none
  [[nodiscard]] std::size_t size() const noexcept { return held_.size() - taken_; }
  [[nodiscard]] std::string take_front(std::size_t bytes);
  [[nodiscard]] std::string filter(bool more_may_come);

  std::vector<std::string> keywords_;
  Takes takes_;
  std::size_t longest_ = 0;  // word
  std::string held_;
  std::size_t taken_ = 0;           // bytes of held_, while it is filtered
  std::deque<std::size_t> pieces_;  // bytes of each piece in the rest of it
};

}  // namespace plimsoll::run
