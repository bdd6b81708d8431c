#include "api/channel_reader.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "grammar/tool_opening.hpp"

namespace plimsoll::api {
namespace {

constexpr std::string_view kHeaderEnd = "<|message|>";
constexpr std::string_view kAnalysis = "<|channel|>analysis";
// What a header begins with: the whole of one, and the first one behind the prompt's "<|start|>assistant".
constexpr std::array<std::string_view, 3> kHeaders{"<|start|>assistant", "<|channel|>", "to=functions."};
constexpr std::array<std::string_view, 2> kEnds{"<|end|>", "<|return|>"};
// Behind a thought some models begin the next message without an end.
constexpr std::array<std::string_view, 4> kThoughtEnds{"<|end|>", "<|return|>", "<|start|>assistant", "<|channel|>"};
constexpr std::size_t kLongestHeader = 256;
constexpr std::size_t kLeastOfAHeader = 3;  // bytes of one that was cut; fewer may be a word

bool begins_a_header(std::string_view text, bool or_may) {
  return std::ranges::any_of(kHeaders, [&](std::string_view mark) {
    return text.starts_with(mark) || (or_may && text.size() < mark.size() && mark.starts_with(text));
  });
}

struct FoundMark {
  std::size_t at = std::string_view::npos;
  std::string_view mark{};
};

FoundMark first_mark(std::string_view text, std::span<const std::string_view> marks) {
  FoundMark found;
  for (const std::string_view mark : marks) {
    const std::size_t at = text.find(mark);
    if (at < found.at) found = {.at = at, .mark = mark};
  }
  return found;
}

// The longest end of the text that may become one of the marks.
std::size_t may_be_begun(std::string_view text, std::span<const std::string_view> marks) {
  std::size_t longest = 0;
  for (const std::string_view mark : marks) {
    for (std::size_t length = std::min(text.size(), mark.size() - 1); length > longest; --length) {
      if (text.ends_with(mark.substr(0, length))) longest = length;
    }
  }
  return longest;
}

// A call begins with one of two marks; see marked_form.hpp.
std::string_view header_of_call(std::string_view header) {
  const std::size_t channel = header.find(kHeaders[1]);
  return channel < header.find("to=functions.") ? header.substr(channel) : header;
}

}  // namespace

bool ChannelReader::in_a_header() const {
  const std::size_t blank = std::min(held_.find_first_not_of(grammar::kSpaces), held_.size());
  return place_ == Place::header && begins_a_header(std::string_view(held_).substr(blank), false);
}

// A header that is cut says nothing, but that a call had begun.
bool ChannelReader::header(Read& out, bool last) {
  const std::size_t blank = std::min(held_.find_first_not_of(grammar::kSpaces), held_.size());
  const std::string_view text = std::string_view(held_).substr(blank);
  if (!begins_a_header(text, !last || text.size() >= kLeastOfAHeader)) {
    if (text.empty()) return false;
    place_ = Place::answer;
    is_new_ = true;
    return true;
  }
  const std::size_t end = text.find(kHeaderEnd);
  const bool is_call = text.substr(0, end).contains("to=functions.");
  if (end == std::string_view::npos) {
    if (last && is_call) out.answer += header_of_call(held_);
    if (last) held_.clear();
    if (text.size() <= kLongestHeader) return false;
    place_ = Place::answer;
    is_new_ = true;
    return true;
  }
  const std::string_view whole = text.substr(0, end);
  place_ = is_call ? Place::call : whole.contains(kAnalysis) ? Place::thought : Place::answer;
  is_new_ = true;
  blank_.clear();
  const std::size_t behind = blank + end + kHeaderEnd.size();
  if (is_call) out.answer += header_of_call(std::string_view(held_).substr(0, behind));
  held_.erase(0, behind);
  return true;
}

// Whitespace around a message's text is none of it, unless it is the last one of the answer.
void ChannelReader::tell(Read& out, std::string_view text) {
  std::string& to = place_ == Place::thought ? out.thoughts : out.answer;
  bool& any = place_ == Place::thought ? any_thoughts_ : any_answer_;
  if (is_new_) text.remove_prefix(std::min(text.find_first_not_of(grammar::kSpaces), text.size()));
  const std::size_t end = text.find_last_not_of(grammar::kSpaces) + 1;
  if (end > 0) {
    if (is_new_ && any) to += "\n\n";
    to += std::exchange(blank_, {});
    to += text.substr(0, end);
    is_new_ = false;
    any = true;
  }
  blank_ += text.substr(end);
}

bool ChannelReader::text(Read& out, bool last) {
  if (place_ == Place::call) {  // the last message; its arguments may hold any mark
    out.answer += std::exchange(held_, {});
    return false;
  }
  std::span<const std::string_view> ends = kEnds;
  if (place_ == Place::thought) ends = kThoughtEnds;
  const FoundMark end = first_mark(held_, ends);
  const bool ended = end.at != std::string_view::npos;
  const std::size_t keep = ended || last ? 0 : may_be_begun(held_, ends);
  tell(out, std::string_view(held_).substr(0, std::min(end.at, held_.size() - keep)));
  if (!ended) {
    held_.erase(0, held_.size() - keep);
    if (last && place_ == Place::answer) out.answer += std::exchange(blank_, {});
    return false;
  }
  const bool is_header = end.mark == kHeaders[0] || end.mark == kHeaders[1];
  held_.erase(0, end.at + (is_header ? 0 : end.mark.size()));
  blank_.clear();
  place_ = Place::header;
  return true;
}

bool ChannelReader::step(Read& out, bool last) { return place_ == Place::header ? header(out, last) : text(out, last); }

ChannelReader::Read ChannelReader::push(std::string_view piece) {
  Read out;
  held_ += piece;
  while (step(out, false)) {
  }
  return out;
}

ChannelReader::Read ChannelReader::finish() {
  Read out;
  while (step(out, true)) {
  }
  return out;
}

}  // namespace plimsoll::api
