// engine_versions: which builds of the engine the guard knows.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::guard {

// "0.27.0": 0, 27, 0; what follows a number is not looked at ("0.27.0-dirty"). Empty: that is no version.
struct GgmlVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend auto operator<=>(const GgmlVersion&, const GgmlVersion&) = default;
};
[[nodiscard]] std::optional<GgmlVersion> ggml_version_of(std::string_view text);

// Oldest and newest ggml that the guard was tried with; every version between them counts as known.
inline constexpr GgmlVersion kOldestKnown{0, 25, 0};
inline constexpr GgmlVersion kNewestKnown{0, 27, 0};
[[nodiscard]] bool is_known(const GgmlVersion& version) noexcept;

// "0.25 to 0.27".
[[nodiscard]] std::string known_versions();

}  // namespace plimsoll::guard
