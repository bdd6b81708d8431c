// eviction_policies: the policies that a fleet can choose by name (its key `eviction`); docs/hosting.md describes them.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/eviction.hpp"

namespace plimsoll::host {

inline constexpr const char* kDefaultEviction = "balanced";

// The default first.
[[nodiscard]] const std::vector<std::string>& eviction_policy_names();

// Null: there is none of that name.
[[nodiscard]] std::shared_ptr<const EvictionPolicy> eviction_policy(std::string_view name);

// A sentence for whoever named one that does not exist.
[[nodiscard]] std::string unknown_eviction_policy(std::string_view name);

}  // namespace plimsoll::host
