// installed_places: where what comes with the program lies: beside it, as it was installed, or in the checkout that it
// was built in. No path of the machine that built it is in it.
#pragma once
#include <filesystem>

namespace plimsoll::app {

// From the folder of the program; made when the build is configured (installed_places.cpp.in).
extern const char* const kInstalledModels;
extern const char* const kInstalledGuard;
extern const char* const kInstalledVulkan;

// `installed` (one of the above), where the program is installed; in a build folder of a checkout, `in_checkout` there.
// `program`: its file.
[[nodiscard]] std::filesystem::path place_of(const std::filesystem::path& program, const char* installed,
                                             const char* in_checkout);

}  // namespace plimsoll::app
