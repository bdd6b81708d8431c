// ApiKeys: who may call. Keys are kept and compared as hashes, in the same time whether they match or not.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::server {

class ApiKeys {
 public:
  explicit ApiKeys(const std::vector<std::string>& keys);

  // Nobody is asked for a key.
  [[nodiscard]] bool open() const noexcept { return hashes_.empty(); }
  // Who it is, as a name that says nothing about the key; empty: nobody. With no keys everybody is "".
  [[nodiscard]] std::optional<std::string> owner_of(std::string_view key) const;

 private:
  using Hash = std::array<unsigned char, 32>;
  [[nodiscard]] static Hash hash(std::string_view key);
  std::vector<Hash> hashes_;
};

}  // namespace plimsoll::server
