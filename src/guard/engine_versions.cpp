#include "guard/engine_versions.hpp"

#include <fmt/format.h>

#include <charconv>

namespace plimsoll::guard {
namespace {

// Takes a number, and the dot behind it where there is one.
bool take_number(std::string_view& text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with('.')) text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<GgmlVersion> ggml_version_of(std::string_view text) {
  GgmlVersion version;
  if (!take_number(text, version.major) || !take_number(text, version.minor)) return std::nullopt;
  (void)take_number(text, version.patch);
  return version;
}

// A patch changes no function.
bool is_known(const GgmlVersion& version) noexcept {
  return version.major == kOldestKnown.major && version.minor >= kOldestKnown.minor &&
         version.minor <= kNewestKnown.minor;
}

std::string known_versions() {
  return fmt::format("{}.{} to {}.{}", kOldestKnown.major, kOldestKnown.minor, kNewestKnown.major, kNewestKnown.minor);
}

}  // namespace plimsoll::guard
