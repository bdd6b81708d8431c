#include "engine/media_marks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

namespace plimsoll::engine {
namespace {

std::string random_mark() {
  thread_local std::random_device source;
  return fmt::format("medium_{:08x}{:08x}{:08x}{:08x}_", source(), source(), source(), source());
}

}  // namespace

std::string MediaMarks::mark_of(std::size_t medium) {
  if (mark_.empty()) mark_ = random_mark();
  count_ = std::max(count_, medium + 1);
  return fmt::format("{}{}_", mark_, medium);
}

std::vector<MediaMarks::Place> MediaMarks::places_in(std::string_view text) const {
  std::vector<Place> out;
  if (mark_.empty()) return out;
  for (std::size_t at = text.find(mark_); at != std::string_view::npos; at = text.find(mark_, at + 1)) {
    Place place{.begin = at};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + at + mark_.size(), last, place.medium);
    if (error != std::errc{} || end == last || *end != '_' || place.medium >= count_) continue;
    place.end = static_cast<std::size_t>(end - text.data()) + 1;
    out.push_back(place);
  }
  return out;
}

std::vector<MediaMarks::Part> MediaMarks::parts_of(const PromptText& text) const {
  std::vector<Part> out;
  std::size_t at = 0;
  const auto add = [&](std::size_t end, std::optional<std::size_t> medium) {
    Part part{.medium = medium};
    part.text.append(text, at, end - at);
    out.push_back(std::move(part));
  };
  for (const Place& place : places_in(text.text)) {
    add(place.begin, place.medium);
    at = place.end;
  }
  add(text.text.size(), std::nullopt);
  return out;
}

}  // namespace plimsoll::engine
