// OwnersByKey: which API key an owner of conversations has, for what outlives the server: owners are counted by the
// place of their key, and that may be another one after a restart.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::server {

class OwnersByKey {
 public:
  // `keys`: the server's, in their order.
  explicit OwnersByKey(const std::vector<std::string>& keys);

  // A hash of the owner's key; empty: the server has no keys.
  [[nodiscard]] std::string hash_of(const std::string& owner) const;
  // The owner whose key has this hash now; none: no such key is taken any more.
  [[nodiscard]] std::optional<std::string> owner_with(const std::string& hash) const;

 private:
  std::vector<std::string> hashes_;
};

}  // namespace plimsoll::server
