// certificates: the file with the certificates that this machine trusts.
#pragma once
#include <filesystem>
#include <string>

namespace plimsoll::remote {

// SSL_CERT_FILE's where that is set, else the first of the places where distributions have it; empty where there is
// none: libcurl then takes what it was built for, which is another distribution's place in a bundle. `root`: for tests.
[[nodiscard]] std::string certificates(const std::filesystem::path& root = "/");

}  // namespace plimsoll::remote
