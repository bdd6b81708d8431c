#include "run/keyword_filter.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::run {

KeywordFilter::KeywordFilter(std::vector<std::string> keywords, Takes takes) : takes_(takes) {
  for (std::string& word : keywords) {
    if (!word.empty()) words_.push_back({.match = StopMatch(std::move(word))});
  }
}

std::string KeywordFilter::push(std::string_view piece) {
  if (piece.empty()) return {};
  held_ += piece;
  pieces_.push_back(piece.size());
  return filter(true);
}

std::string KeywordFilter::finish() {
  std::string rest = filter(false);
  rest += take_front(size());
  drop_taken();
  for (Word& word : words_) word.match.begin_within(0);
  return rest;
}

void KeywordFilter::look_for(Word& word) const {
  if (word.next != std::string::npos && word.next >= taken_) return;
  word.next = std::string::npos;
  while (const auto end = word.match.read(std::string_view(held_).substr(word.read))) {
    word.read += *end;
    const std::size_t begin = word.read - word.match.string().size();
    if (begin < taken_) continue;
    word.next = begin;
    return;
  }
  word.read = held_.size();
}

KeywordFilter::Match KeywordFilter::find() {
  Match first{.at = std::string::npos, .size = 0};
  for (Word& word : words_) {
    look_for(word);
    if (word.next == std::string::npos) continue;
    const std::size_t at = word.next - taken_;
    const std::size_t size = word.match.string().size();
    if (at < first.at || (at == first.at && size > first.size)) first = {.at = at, .size = size};
  }
  return first;
}

// Of a word that comes in full: what begins where the first one comes, or before, is too long to be its beginning.
std::size_t KeywordFilter::unfinished(std::size_t up_to) {
  for (Word& word : words_) {
    if (word.next != std::string::npos) continue;
    word.match.begin_within(size());
    if (word.match.begun() > 0) up_to = std::min(up_to, size() - word.match.begun());
  }
  return up_to;
}

std::size_t KeywordFilter::whole_pieces(std::size_t bytes) const {
  std::size_t whole = 0;
  for (const std::size_t piece : pieces_) {
    if (whole + piece > bytes) break;
    whole += piece;
  }
  return whole;
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

// Moves less than was taken.
void KeywordFilter::drop_taken() {
  if (taken_ < size()) return;
  held_.erase(0, taken_);
  for (Word& word : words_) {
    word.read -= taken_;
    if (word.next != std::string::npos) word.next -= taken_;
  }
  taken_ = 0;
}

std::string KeywordFilter::filter(bool more_may_come) {
  std::string shown;
  while (true) {
    const Match match = find();
    const bool found = match.at != std::string::npos;
    // A word that has begun before the match's end, at its place or before it, may still become the one to take.
    const std::size_t sure = found ? match.at + 1 : size();
    const std::size_t open = more_may_come ? unfinished(sure) : sure;
    if (!found || open < sure) {
      // A piece goes whole or not at all.
      shown += take_front(takes_ == Takes::pieces && open < size() ? whole_pieces(open) : open);
      drop_taken();
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
