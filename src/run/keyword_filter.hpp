// KeywordFilter: takes given words out of a stream of text, also where they come in several pieces.
#pragma once
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "run/stop_match.hpp"
#include "run/text_filter.hpp"

namespace plimsoll::run {

// Of two words that begin at one place the longer goes. Holds back what may still become a word: less than the longest.
// Each byte is read once for each word, however much comes at once and however long the words are. One thread.
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
  struct Word {
    StopMatch match;
    std::size_t read = 0;                  // bytes of held_
    std::size_t next = std::string::npos;  // where it comes next in held_, as far as that is read
  };
  void look_for(Word& word) const;  // on from where it was found last, where that is taken
  // Places count from the first byte that is not taken.
  [[nodiscard]] Match find();                                       // the first, the longest there; at npos: none
  [[nodiscard]] std::size_t unfinished(std::size_t up_to);          // where a word may have begun, up_to where none
  [[nodiscard]] std::size_t whole_pieces(std::size_t bytes) const;  // no more than so many bytes of them
  [[nodiscard]] std::size_t size() const noexcept { return held_.size() - taken_; }
  [[nodiscard]] std::string take_front(std::size_t bytes);
  void drop_taken();
  [[nodiscard]] std::string filter(bool more_may_come);

  std::vector<Word> words_;
  Takes takes_;
  std::string held_;
  std::size_t taken_ = 0;           // bytes of held_
  std::deque<std::size_t> pieces_;  // bytes of each piece in the rest of it
};

}  // namespace plimsoll::run
