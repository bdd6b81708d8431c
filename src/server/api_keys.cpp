#include "api_keys.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
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

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) hashes_.push_back(hash(key));
}

std::optional<std::string> ApiKeys::owner_of(std::string_view key) const {
  if (open()) return "";
  const Hash given = hash(key);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {  // all of them, so that time tells nothing
    if (CRYPTO_memcmp(hashes_[i].data(), given.data(), given.size()) == 0) found = i;
  }
  if (!found) return std::nullopt;
  return fmt::format("key-{}", *found + 1);
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
