#include "special_tokens.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace plimsoll::engine {
namespace {

bool looks_like_control(std::string_view text) {
  return text.size() > 2 && text.starts_with('<') && text.ends_with('>') &&
         (text.starts_with("<|") || text.ends_with("|>") || text.starts_with("<｜") || text.ends_with("｜>"));
}

}  // namespace

bool is_structure(const Vocab& vocab, Token token) {
  const auto attributes = static_cast<unsigned>(vocab.attributes(token));
  if ((attributes & (LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN)) != 0) return true;
  return (attributes & LLAMA_TOKEN_ATTR_USER_DEFINED) != 0 && looks_like_control(vocab.text(token));
}

SpecialTokens::SpecialTokens(const Vocab& vocab) {
  if (!vocab.present()) return;
  for (Token token = 0; token < vocab.n_tokens(); ++token) {
    const std::string_view text = vocab.text(token);
    if (text.empty() || !is_structure(vocab, token)) continue;
    by_length_[text.size()].emplace(text, token);
    begins_[static_cast<unsigned char>(text.front())] = true;
  }
}

std::vector<SpecialTokens::Place> SpecialTokens::all_in(std::string_view text) const {
  std::vector<Place> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begins_[static_cast<unsigned char>(text[at])]) continue;
    for (const auto& [length, tokens] : by_length_) {
      if (length > text.size() - at) continue;
      const auto token = tokens.find(text.substr(at, length));
      if (token != tokens.end()) found.push_back({.begin = at, .end = at + length, .token = token->second});
    }
  }
  return found;
}

std::vector<SpecialTokens::Place> as_the_engine_reads(std::vector<SpecialTokens::Place> places) {
  using Place = SpecialTokens::Place;
  std::ranges::stable_sort(places, std::ranges::greater{}, [](const Place& place) { return place.end - place.begin; });
  const auto by_begin = [](const Place& a, const Place& b) { return a.begin < b.begin; };
  std::set<Place, decltype(by_begin)> read(by_begin);
  for (const Place& place : places) {
    const auto next = read.lower_bound(place);
    const bool free_behind = next == read.end() || next->begin >= place.end;
    const bool free_before = next == read.begin() || std::prev(next)->end <= place.begin;
    if (free_behind && free_before) read.insert(next, place);
  }
  return {read.begin(), read.end()};
}

}  // namespace plimsoll::engine
