#include "run/text_stream.hpp"

#include <algorithm>
#include <optional>
#include <utility>

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
    : keep_stop_string_(keep_stop_string) {
  for (std::string& stop : stop_strings) {
    if (!stop.empty()) stops_.emplace_back(std::move(stop));
  }
}

std::string TextStream::take(std::size_t bytes) {
  std::string taken = held_.substr(taken_, bytes);
  taken_ += bytes;
  if (taken_ >= held_.size() - taken_) held_.erase(0, std::exchange(taken_, 0));  // moves less than was shown
  return taken;
}

std::size_t TextStream::showable() const {
  std::size_t held = incomplete_utf8_tail(std::string_view(held_).substr(taken_));
  for (const StopMatch& stop : stops_) held = std::max(held, stop.begun());
  return held_.size() - taken_ - held;
}

std::string TextStream::push(std::string_view piece) {
  if (stopped_) return {};
  const std::size_t before = held_.size() - taken_;
  held_ += piece;
  std::size_t first = std::string::npos;
  for (StopMatch& stop : stops_) {
    const std::optional<std::size_t> end = stop.read(piece);
    if (!end) continue;
    if (const std::size_t at = before + *end - stop.string().size(); at < first) {
      first = at;
      stopped_by_ = stop.string();
    }
  }
  if (first == std::string::npos) return take(showable());
  stopped_ = true;
  std::string shown = take(keep_stop_string_ ? first + stopped_by_.size() : first);
  held_.clear();
  return shown;
}

std::string TextStream::finish() {
  if (stopped_) return {};
  const std::size_t size = held_.size() - taken_;
  const std::size_t tail = incomplete_utf8_tail(std::string_view(held_).substr(taken_));
  std::string shown = take(size - tail);
  if (tail > 0) shown += "\xEF\xBF\xBD";
  held_.clear();
  taken_ = 0;
  return shown;
}

}  // namespace plimsoll::run
