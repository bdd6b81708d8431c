#include "api/media_list.hpp"

#include <fmt/format.h>

#include "api/problem.hpp"

namespace plimsoll::api {
namespace {

[[noreturn]] void refuse(const Medium& medium, const std::string& sentence) {
  throw bad_request(fmt::format("'{}' {}", medium.path, sentence)).at(medium.path);
}

constexpr const char* kRead = "PNG, JPEG, BMP and GIF are read here, and of sounds WAV without compression and FLAC";

void require_readable(const Medium& medium) {
  using Kind = engine::MediaFile::Kind;
  const engine::MediaFile& file = medium.facts;
  if (file.kind == Kind::unknown && file.format.empty())
    refuse(medium, fmt::format("is neither a picture nor a sound of a known kind; {}", kRead));
  if (!file.is_read) refuse(medium, fmt::format("is of the kind {}; {}", file.format, kRead));
  if (file.kind == Kind::sound) {
    if (file.seconds <= 0)
      refuse(medium, fmt::format("is a damaged {} file, or one that does not say how long it is", file.format));
    if (file.seconds > kMostSeconds)
      refuse(medium, fmt::format("is a sound of {:.0f} s; {:.0f} s are read at most", file.seconds, kMostSeconds));
    return;
  }
  if (file.pixels() == 0) refuse(medium, fmt::format("is a damaged {} file", file.format));
  if (file.pixels() > kMostPixels)
    refuse(medium, fmt::format("is a picture of {} x {} pixels; {} million are read at most", file.width, file.height,
                               kMostPixels / 1'000'000));
}

}  // namespace

std::string MediaList::add(Medium medium) {
  if (all_.size() >= kMostMedia) refuse(medium, fmt::format("is one too many: a request has {} at most", kMostMedia));
  if (medium.address.empty()) take_file(medium, std::move(medium.file));
  all_.push_back(std::move(medium));
  return marks_.mark_of(all_.size() - 1);
}

void MediaList::take_file(Medium& medium, std::string bytes) {
  medium.facts = engine::look_at_media_file({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  require_readable(medium);
  medium.file = std::move(bytes);
  medium.address.clear();
}

}  // namespace plimsoll::api
