#include "api_keys.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>

#include <plimsoll/base/error.hpp>
#include "server/server_options.hpp"

namespace plimsoll::server {

ApiKeys::Hash ApiKeys::hash(std::string_view key) {
  Hash out{};
  unsigned int size = 0;
  if (EVP_Digest(key.data(), key.size(), out.data(), &size, EVP_sha256(), nullptr) != 1 || size != out.size())
    throw Error(ErrorCode::internal, "the cryptography library offers no SHA-256");
  return out;
}

ApiKeys::Hash ApiKeys::read_hash(const std::string& digits) {
  Hash out{};
  for (std::size_t i = 0; i < out.size() && 2 * i + 1 < digits.size(); ++i)
    (void)std::from_chars(&digits[2 * i], &digits[2 * i] + 2, out[i], 16);
  return out;
}

ApiKeys::ApiKeys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named) {
  for (const std::string& key : keys) {
    hashes_.push_back(hash(key));
    owners_.push_back(fmt::format("key-{}", hashes_.size()));
  }
  for (const host::FleetKey& key : named) {
    hashes_.push_back(key.sha256.empty() ? hash(key.key) : read_hash(key.sha256));
    owners_.push_back(key.name);
  }
}

std::optional<std::string> ApiKeys::owner_of(std::string_view key) const {
  if (open()) return "";
  const Hash given = hash(key);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {  // all of them, so that time tells nothing
    if (CRYPTO_memcmp(hashes_[i].data(), given.data(), given.size()) == 0) found = i;
  }
  if (!found) return std::nullopt;
  return owners_[*found];
}

std::vector<std::string> read_api_keys(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorCode::usage, fmt::format("the file with API keys '{}' cannot be read", path.string()));
  std::vector<std::string> keys;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    if (std::ranges::any_of(line, [](unsigned char c) { return std::isgraph(c) == 0; }))
      throw Error(ErrorCode::usage,
                  fmt::format("'{}' has a key with blanks or control characters in it", path.string()));
    keys.push_back(line);
  }
  if (keys.empty()) throw Error(ErrorCode::usage, fmt::format("'{}' holds no API key", path.string()));
  return keys;
}

}  // namespace plimsoll::server
