// ApiKeys: who may call. Keys are kept and compared as hashes, in the same time whether they match or not.
#pragma once
#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/fleet_keys.hpp"

namespace plimsoll::server {

// Any thread.
class ApiKeys {
 public:
  // `keys` are known as "key 1", "key 2", ...; `named` by their names, which have no blanks.
  explicit ApiKeys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named = {});

  // From now on these. A key that was there before keeps the number that it had, and no other one ever gets it. Answers
  // whose keys are gone.
  std::vector<std::string> replace(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named);

  // Nobody is asked for a key.
  [[nodiscard]] bool open() const;
  // Who it is, as a name that says nothing about the key; empty: nobody. With no keys everybody is "".
  [[nodiscard]] std::optional<std::string> owner_of(std::string_view key) const;
  // The same for a request at work, which stays its owner's: of a key that was taken away meanwhile, who it was.
  [[nodiscard]] std::optional<std::string> last_owner_of(std::string_view key) const;

  // For what outlives the server: numbers are counted anew then. A hash of the owner's key, or of its name; empty: the
  // server has no keys, or the owner none any more.
  [[nodiscard]] std::string lasting_id_of(const std::string& owner) const;
  // The owner that has this one now; none: no such key is taken.
  [[nodiscard]] std::optional<std::string> owner_with(const std::string& lasting_id) const;

 private:
  using Hash = std::array<unsigned char, 32>;
  struct Entry {
    Hash hash;
    std::string owner;
    std::string lasting_id;
  };
  [[nodiscard]] static Hash hash(std::string_view key);
  [[nodiscard]] static Hash read_hash(const std::string& digits);
  [[nodiscard]] static std::string lasting_id(std::string_view what, const std::string& of);
  [[nodiscard]] const Entry* find(const Hash& given) const;  // with the lock held
  [[nodiscard]] std::vector<Entry> entries_of(const std::vector<std::string>& keys,
                                              const std::vector<host::FleetKey>& named);

  mutable std::mutex mutex_;
  std::map<Hash, std::size_t> numbers_;  // of every key without a name that was ever here; before what is made with it
  std::vector<Entry> entries_;
  std::map<Hash, std::string> gone_;  // owners of keys that were taken away
};

}  // namespace plimsoll::server
