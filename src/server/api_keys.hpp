// ApiKeys: who may call. Keys are kept and compared as hashes, in the same time whether they match or not.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/fleet_keys.hpp"

namespace plimsoll::server {

class ApiKeys {
 public:
  // `keys` are known as "key-1", "key-2", ...; `named` by their names.
  explicit ApiKeys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named = {});

  // Nobody is asked for a key.
  [[nodiscard]] bool open() const noexcept { return hashes_.empty(); }
  // Who it is, as a name that says nothing about the key; empty: nobody. With no keys everybody is "".
  [[nodiscard]] std::optional<std::string> owner_of(std::string_view key) const;

 private:
  using Hash = std::array<unsigned char, 32>;
  [[nodiscard]] static Hash hash(std::string_view key);
  [[nodiscard]] static Hash read_hash(const std::string& digits);
  std::vector<Hash> hashes_;
  std::vector<std::string> owners_;  // of each
};

}  // namespace plimsoll::server
