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

std::string ApiKeys::lasting_id(std::string_view what, const std::string& of) {
  constexpr std::size_t kBytes = 16;
  const Hash digest = hash(fmt::format("plimsoll, {}\n{}", what, of));
  std::string out;
  for (std::size_t i = 0; i < kBytes; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::vector<ApiKeys::Entry> ApiKeys::entries_of(const std::vector<std::string>& keys,
                                                const std::vector<host::FleetKey>& named) {
  std::vector<Entry> out;
  for (const std::string& key : keys) {
    const Hash its = hash(key);
    const std::size_t number = numbers_.try_emplace(its, numbers_.size() + 1).first->second;
    out.push_back(
        {.hash = its, .owner = fmt::format("key {}", number), .lasting_id = lasting_id("owner of conversations", key)});
  }
  for (const host::FleetKey& key : named) {
    out.push_back({.hash = key.sha256.empty() ? hash(key.key) : read_hash(key.sha256),
                   .owner = key.name,
                   .lasting_id = lasting_id("owner of conversations by name", key.name)});
  }
  return out;
}

ApiKeys::ApiKeys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named)
    : entries_(entries_of(keys, named)) {}

std::vector<std::string> ApiKeys::replace(const std::vector<std::string>& keys,
                                          const std::vector<host::FleetKey>& named) {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> next = entries_of(keys, named);
  std::vector<std::string> gone;
  if (entries_.empty() && !next.empty()) gone.emplace_back();  // everybody was nobody in particular
  for (const Entry& entry : entries_) {
    if (!std::ranges::contains(next, entry.owner, &Entry::owner)) gone.push_back(entry.owner);
  }
  for (const Entry& entry : entries_) gone_[entry.hash] = entry.owner;
  for (const Entry& entry : next) gone_.erase(entry.hash);
  entries_ = std::move(next);
  return gone;
}

bool ApiKeys::open() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

std::optional<std::string> ApiKeys::owner_of(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return "";
  const Entry* found = find(hash(key));
  return found == nullptr ? std::nullopt : std::optional(found->owner);
}

const ApiKeys::Entry* ApiKeys::find(const Hash& given) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {  // all of them, so that time tells nothing
    if (CRYPTO_memcmp(entry.hash.data(), given.data(), given.size()) == 0) found = &entry;
  }
  return found;
}

std::optional<std::string> ApiKeys::last_owner_of(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty() && gone_.empty()) return "";
  const Hash given = hash(key);
  if (const Entry* found = find(given)) return found->owner;
  const auto before = gone_.find(given);
  if (before != gone_.end()) return before->second;
  return entries_.empty() ? std::optional<std::string>("") : std::nullopt;
}

std::string ApiKeys::lasting_id_of(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, owner, &Entry::owner);
  return found == entries_.end() ? std::string{} : found->lasting_id;
}

std::optional<std::string> ApiKeys::owner_with(const std::string& lasting_id) const {
  const std::lock_guard lock(mutex_);
  if (lasting_id.empty()) return entries_.empty() ? std::optional<std::string>("") : std::nullopt;
  const auto found = std::ranges::find(entries_, lasting_id, &Entry::lasting_id);
  return found == entries_.end() ? std::nullopt : std::optional(found->owner);
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
