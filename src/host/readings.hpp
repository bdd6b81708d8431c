// readings: what the devices say, beside what the ledger says of them: pure, whoever read them.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <plimsoll/memory/entry.hpp>
#include "host/free_capacity.hpp"
#include "plan/plan.hpp"

namespace plimsoll::host {

// What stands in the ledger, and whose it is.
struct Accounting {
  const std::vector<memory::Entry>& entries;
  std::function<bool(const std::string& owner)> is_fleets;
  std::function<bool(const std::string& owner)> has_gone;  // a model that has left, whose weights have stayed
  std::map<std::string, Bytes> makes_way{};  // what leaves host memory for a newcomer, by owner: swapped-out
                                             // conversations, copies of weights, what a load passes weights through
  Bytes kept_models{};                       // makes way, too: under the names of models that have left
  // What it holds lies in another process, which has touched all of it.
  std::function<bool(const std::string& owner)> is_elsewhere = [](const std::string&) { return false; };
};

// How much of the bytes that are charged in host memory is really used, 0 to 1: buffers are charged as a whole, and
// pages that nobody has touched are free still.
[[nodiscard]] double touched(const Accounting& accounting, const std::vector<plan::DeviceState>& readings);

// Everything in its place. What others hold of a memory is what is left once all that we hold there is taken off,
// whatever device it is charged under.
[[nodiscard]] Moment moment_of(const Accounting& accounting, const std::vector<plan::DeviceState>& readings);

// The devices as if none of the fleet's models were there: `ours` is what counts against a device's budget beside them
// (of all devices of its card), and what the fleet holds in its memory is free.
[[nodiscard]] std::vector<plan::DeviceState> with_ours_set_aside(const Accounting& accounting,
                                                                 std::vector<plan::DeviceState> readings);

}  // namespace plimsoll::host
