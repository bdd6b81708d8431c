#include "remote/certificates.hpp"

#include <cstdlib>

namespace plimsoll::remote {

std::string certificates(const std::filesystem::path& root) {
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0') return named;
  for (const char* place : {"etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch, Gentoo
                            "etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
                            "etc/ssl/ca-bundle.pem",              // SUSE
                            "etc/ssl/certs/ca-bundle.crt",        // NixOS
                            "etc/ssl/cert.pem"}) {                // Alpine
    std::error_code error;
    if (const auto file = root / place; std::filesystem::is_regular_file(file, error)) return file;
  }
  return {};
}

}  // namespace plimsoll::remote
