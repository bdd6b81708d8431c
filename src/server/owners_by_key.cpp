#include "owners_by_key.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include <plimsoll/base/error.hpp>

namespace plimsoll::server {
namespace {

std::string hash(const std::string& key) {
  constexpr std::size_t kBytes = 16;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const std::string text = "plimsoll, owner of conversations\n" + key;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw Error(ErrorCode::internal, "the cryptography library offers no SHA-256");
  std::string out;
  for (std::size_t i = 0; i < kBytes; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

// See ApiKeys::owner_of().
std::string owner_at(std::size_t index) { return fmt::format("key-{}", index + 1); }

}  // namespace

OwnersByKey::OwnersByKey(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) hashes_.push_back(hash(key));
}

std::string OwnersByKey::hash_of(const std::string& owner) const {
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (owner == owner_at(i)) return hashes_[i];
  }
  return {};
}

std::optional<std::string> OwnersByKey::owner_with(const std::string& wanted) const {
  if (wanted.empty() && hashes_.empty()) return "";
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (hashes_[i] == wanted) return owner_at(i);
  }
  return std::nullopt;
}

}  // namespace plimsoll::server
