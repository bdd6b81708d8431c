// Picture: the ledger as a value: who stands in it, with what.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "broker/memory_key.hpp"

namespace plimsoll::broker {

// Since the machine was started, sleep included: the same for all processes, and nobody can set it back.
using BootTime = std::chrono::milliseconds;
[[nodiscard]] BootTime boot_time() noexcept;

struct ShownPart {
  std::size_t account = 0;  // AccountId of the process whose model it is
  Bytes reserved{};
  Bytes taken{};
  Bytes comes_back{};  // to the device, once it is gone
  friend bool operator==(const ShownPart&, const ShownPart&) = default;
};

// ready: loaded and idle; going: on its way out; none: it is no model.
enum class Work : std::uint8_t { loading, ready, busy, going, none };
[[nodiscard]] std::string_view to_string(Work work) noexcept;

// One model, or whatever else holds bytes in a process ("group:main", "swap"). At most kMostParts memories each.
struct ShownModel {
  std::string name{};  // at most kLongestName bytes are kept
  Work work = Work::ready;
  bool can_go = false;  // it may be asked to go for others: unpinned, and its process answers
  int priority = 0;
  BootTime idle_since{};  // of a ready one
  std::chrono::milliseconds reload_time{};
  pid_t process = 0;           // of its own, as its owner sees that number; 0: it computes in the owner's, or is dead
  std::uint32_t restarts = 0;  // of that process
  std::vector<ShownPart> parts{};
  friend bool operator==(const ShownModel&, const ShownModel&) = default;

  static constexpr std::size_t kMostParts = 3;
  static constexpr std::size_t kLongestName = 63;
};

struct ShownAccount {
  MemoryKey memory{};
  Bytes reserved{};  // taken or not
  Bytes taken{};
  friend bool operator==(const ShownAccount&, const ShownAccount&) = default;
};

struct ShownProcess {
  pid_t pid = 0;          // as it is called in its own pid namespace
  bool same_pids = true;  // this process sees it under that number
  std::string program{};
  BootTime joined{};
  bool is_alive = true;  // false: its memory is on the way back
  std::vector<ShownAccount> accounts{};
  std::vector<ShownModel> models{};
  std::size_t models_left_out = 0;  // beyond what an entry can show
};

struct Picture {
  std::string path{};                     // of the ledger's file; empty: nobody has made it yet
  std::vector<ShownProcess> processes{};  // oldest first
  std::size_t damaged = 0;                // entries that could not be read
};

}  // namespace plimsoll::broker
