// asking_others: memory is missing that other processes hold: their idle models are asked to go.
#pragma once
#include <cstdint>
#include <map>
#include <stop_token>
#include <vector>

#include "broker/machine_ledger.hpp"

namespace plimsoll::host {

// By this process's accounts.
struct MissingMemory {
  std::map<broker::AccountId, std::uint64_t> missing{};  // has to come back
  std::vector<broker::Want> needs{};                     // all that is wanted there: not for who comes later
};

// The smallest set of idle models of others that would do, the least missed first. Waits until they have gone, or until
// nobody is left that would go. True: what is missing has come back. Until it is reserved it is not for others, for
// some seconds.
[[nodiscard]] bool ask_others(broker::MachineLedger& machine, const MissingMemory& shortage,
                              const std::stop_token& stop);

}  // namespace plimsoll::host
