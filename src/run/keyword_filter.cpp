#include "run/keyword_filter.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::run {

KeywordFilter::KeywordFilter(std::vector<std::string> keywords, Takes takes)
    : keywords_(std::move(keywords)), takes_(takes) {
  std::erase(keywords_, std::string{});
  for (const std::string& word : keywords_) longest_ = std::max(longest_, word.size());
}

std::string KeywordFilter::push(std::string_view piece) {
  if (piece.empty()) return {};
  held_ += piece;
  pieces_.push_back(piece.size());
  return filter(true);
}

std::string KeywordFilter::finish() {
  std::string rest = filter(false);
  rest += held_;
  held_.clear();
  pieces_.clear();
  return rest;
}

KeywordFilter::Match KeywordFilter::find(std::vector<std::size_t>& next) const {
  Match first{.at = std::string::npos, .size = 0};
  for (std::size_t i = 0; i < keywords_.size(); ++i) {
    const std::string& word = keywords_[i];
    if (next[i] < taken_) next[i] = held_.find(word, taken_);
    if (next[i] == std::string::npos) continue;
    const std::size_t at = next[i] - taken_;
    if (at < first.at || (at == first.at && word.size() > first.size)) first = {.at = at, .size = word.size()};
  }
  return first;
}

std::size_t KeywordFilter::unfinished(std::size_t up_to) const {
  // A word that began earlier would be there in full.
  for (std::size_t at = size() < longest_ ? 0 : size() - longest_ + 1; at < up_to; ++at) {
    const std::string_view rest = std::string_view(held_).substr(taken_ + at);
    const auto begins = [&](const std::string& word) { return word.size() > rest.size() && word.starts_with(rest); };
    if (std::ranges::any_of(keywords_, begins)) return at;
  }
  return up_to;
}

std::string KeywordFilter::take_front(std::size_t bytes) {
  std::string front = held_.substr(taken_, bytes);
  taken_ += bytes;
  while (bytes > 0) {
    const std::size_t of_piece = std::min(bytes, pieces_.front());
    bytes -= of_piece;
    pieces_.front() -= of_piece;
    if (pieces_.front() == 0) pieces_.pop_front();
  }
  return front;
}

std::string KeywordFilter::filter(bool more_may_come) {
  std::string shown;
  std::vector<std::size_t> next;
  for (const std::string& word : keywords_) next.push_back(held_.find(word));
  while (true) {
    const Match match = find(next);
    const bool found = match.at != std::string::npos;
    // A word that has begun before the match's end, at its place or before it, may still become the one to take.
    const std::size_t sure = found ? match.at : size();
    const std::size_t open = more_may_come ? unfinished(found ? match.at + 1 : size()) : sure;
    const bool wait = more_may_come && open < (found ? match.at + 1 : size());
    if (!found || wait) {
      std::size_t end = wait ? open : sure;
      if (takes_ == Takes::pieces && end < size()) {  // a piece goes whole or not at all
        std::size_t whole = 0;
        for (const std::size_t piece : pieces_) {
          if (whole + piece > end) break;
          whole += piece;
        }
        end = whole;
      }
      shown += take_front(end);
      held_.erase(0, std::exchange(taken_, 0));
      return shown;
    }
    std::size_t begin = match.at;
    std::size_t end = match.at + match.size;
    if (takes_ == Takes::pieces) {
      std::size_t at = 0;
      for (const std::size_t piece : pieces_) {
        if (at <= match.at) begin = at;
        at += piece;
        if (at >= end) break;
      }
      end = at;
    }
    shown += take_front(begin);
    (void)take_front(end - begin);
  }
}

}  // namespace plimsoll::run
