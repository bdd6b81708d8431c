// KeywordFilter: takes given words out of a stream of text, also where they come in several pieces.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "run/text_filter.hpp"

namespace plimsoll::run {

// Of two words that begin at one place the longer goes. Holds back what may still become a word: less than the longest.
// One thread.
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
  [[nodiscard]] Match find() const;                               // the first, the longest there; at npos: none
  [[nodiscard]] std::size_t unfinished(std::size_t up_to) const;  // where a word may have begun, up_to where none
  [[nodiscard]] std::string take_front(std::size_t bytes);
  [[nodiscard]] std::string filter(bool more_may_come);

  std::vector<std::string> keywords_;
  Takes takes_;
  std::string held_;
  std::vector<std::size_t> pieces_;  // bytes of each piece in held_
};

}  // namespace plimsoll::run
