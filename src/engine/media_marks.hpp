// MediaMarks: what stands for pictures and sounds in the texts of a prompt until the text is written down. What
// somebody says is never taken for one: nobody can guess them.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/prompt_tokens.hpp"

namespace plimsoll::engine {

// A value; one thread. Without media it has no marks.
class MediaMarks {
 public:
  // Of the medium with this number; the same each time.
  [[nodiscard]] std::string mark_of(std::size_t medium);

  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t medium = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  [[nodiscard]] std::vector<Place> places_in(std::string_view text) const;
  // With something else in the place of each mark; empty where `what` gives nothing: the mark stays.
  template <class What>
  [[nodiscard]] std::string with_marks_replaced(std::string_view text, What what) const {
    std::string out;
    std::size_t at = 0;
    for (const Place& place : places_in(text)) {
      const std::string instead = what(place.medium);
      out += text.substr(at, place.begin - at);
      out += instead.empty() ? std::string(text.substr(place.begin, place.end - place.begin)) : instead;
      at = place.end;
    }
    return out += text.substr(at);
  }

  // A text is cut at its marks: the text in front of a medium, or behind the last one.
  struct Part {
    PromptText text{};
    std::optional<std::size_t> medium{};  // behind the text; none: this is the end
  };
  [[nodiscard]] std::vector<Part> parts_of(const PromptText& text) const;  // at least one

 private:
  std::string mark_;  // without its number; empty as long as none was asked for
  std::size_t count_ = 0;
};

}  // namespace plimsoll::engine
