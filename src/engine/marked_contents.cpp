#include "engine/marked_contents.hpp"

#include <optional>

namespace plimsoll::engine {
namespace {

// Of the letters that nobody has agreed on.
constexpr std::string_view kBegins = "\uE0F0";
constexpr std::string_view kEnds = "\uE0F1";

std::optional<PromptText> read_marks(std::string_view text) {
  PromptText out;
  for (;;) {
    const std::size_t begin = text.find(kBegins);
    const std::size_t end = text.find(kEnds);
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return end == begin ? std::optional(std::move(out)) : std::nullopt;
    if (end == std::string_view::npos || end < begin) return std::nullopt;
    out.append_input(text.substr(begin + kBegins.size(), end - begin - kBegins.size()));
    text.remove_prefix(end + kEnds.size());
  }
}

PromptText found_in(std::string_view rest, const std::vector<std::string>& contents) {
  PromptText out;
  for (const std::string& content : contents) {
    const std::size_t at = content.empty() ? std::string_view::npos : rest.find(content);
    if (at == std::string_view::npos) continue;
    out += rest.substr(0, at);
    out.append_input(content);
    rest.remove_prefix(at + content.size());
  }
  out += rest;
  return out;
}

}  // namespace

PromptText with_contents_marked(const std::function<std::string(const std::vector<std::string>& contents)>& write,
                                const std::vector<std::string>& contents) {
  const std::string text = write(contents);
  std::vector<std::string> marked = contents;
  for (std::string& content : marked) {
    if (!content.empty()) content = std::string(kBegins) + content + std::string(kEnds);
  }
  std::optional<PromptText> told = read_marks(write(marked));
  return told && told->text == text ? std::move(*told) : found_in(text, contents);
}

}  // namespace plimsoll::engine
