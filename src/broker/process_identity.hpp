// process_identity: which process, whatever happens to its number.
#pragma once
#include <sys/types.h>

#include <cstdint>

namespace plimsoll::broker {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;    // since the machine was started; 0: unknown
  std::uint64_t pid_namespace = 0;  // 0: unknown
};

[[nodiscard]] ProcessIdentity this_process() noexcept;

enum class Fate {
  gone,     // there is none of that number, or another one by now
  there,    // it is there
  unknown,  // of another pid namespace: only the lock on its slot tells
};
[[nodiscard]] Fate fate_of(const ProcessIdentity& process, std::uint64_t own_namespace) noexcept;

}  // namespace plimsoll::broker
