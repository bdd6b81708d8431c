#include "run/text_stream.hpp"

#include <algorithm>

namespace plimsoll::run {
namespace {

// Length of the character that a lead byte begins; 0 for bytes that begin none.
std::size_t character_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

bool continues(unsigned char byte) noexcept { return (byte & 0xC0U) == 0x80U; }

// The longest end of `text` that is a beginning of `stop`, shorter than all of it.
std::size_t overlap(std::string_view text, std::string_view stop) {
  for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.ends_with(stop.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

std::size_t incomplete_utf8_tail(std::string_view text) noexcept {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (continues(byte)) continue;
    return character_length(byte) > back ? back : 0;
  }
  return 0;
}

TextStream::TextStream(std::vector<std::string> stop_strings, bool keep_stop_string)
    : stop_strings_(std::move(stop_strings)), keep_stop_string_(keep_stop_string) {
  std::erase_if(stop_strings_, [](const std::string& stop) { return stop.empty(); });
}

std::size_t TextStream::showable() const {
  std::size_t held = incomplete_utf8_tail(held_);
  for (const std::string& stop : stop_strings_) held = std::max(held, overlap(held_, stop));
  return held_.size() - held;
}

std::string TextStream::push(std::string_view piece) {
  if (stopped_) return {};
  held_ += piece;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stop_strings_) {
    if (const std::size_t at = held_.find(stop); at < first) {
      first = at;
      stopped_by_ = stop;
    }
  }
  if (first != std::string::npos) {
    stopped_ = true;
    std::string shown = held_.substr(0, keep_stop_string_ ? first + stopped_by_.size() : first);
    held_.clear();
    return shown;
  }
  const std::size_t ready = showable();
  std::string shown = held_.substr(0, ready);
  held_.erase(0, ready);
  return shown;
}

std::string TextStream::finish() {
  if (stopped_) return {};
  const std::size_t tail = incomplete_utf8_tail(held_);
  std::string shown = held_.substr(0, held_.size() - tail);
  if (tail > 0) shown += "\xEF\xBF\xBD";
  held_.clear();
  return shown;
}

}  // namespace plimsoll::run
