#include "installed_places.hpp"

namespace plimsoll::app {

// build/release/bin/plimsoll: its folder lies in one that CMake configured, two below the checkout.
std::filesystem::path place_of(const std::filesystem::path& program, const char* installed, const char* in_checkout) {
  const std::filesystem::path folder = program.parent_path();
  const std::filesystem::path build = folder.parent_path();
  std::error_code error;
  if (std::filesystem::exists(build / "CMakeCache.txt", error)) return build.parent_path().parent_path() / in_checkout;
  return (folder / installed).lexically_normal();
}

}  // namespace plimsoll::app
