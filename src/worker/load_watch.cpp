#include "load_watch.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string>

#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

// By the process, from disks; 0 where the system does not say. A file that is mapped is read in one call of the system,
// and nothing is said meanwhile.
std::uint64_t bytes_read_by(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/io", process));
  std::string name;
  for (std::uint64_t count = 0; file >> name >> count;) {
    if (name == "read_bytes:") return count;
  }
  return 0;
}

}  // namespace

LoadWatch::LoadWatch(kj::Timer& timer, pid_t process, std::chrono::milliseconds most_silence)
    : timer_(timer), process_(process), most_(most_silence), heard_(timer.now()), read_(bytes_read_by(process)) {}

bool LoadWatch::is_silent() {
  if (timer_.now() < heard_ + most_.count() * kj::MILLISECONDS) return false;
  if (const std::uint64_t read = bytes_read_by(process_); read != read_) {
    read_ = read;
    goes_on();
    return false;
  }
  return true;
}

kj::Exception LoadWatch::failure() const {
  return to_rpc(
      {ErrorCode::engine_failed, fmt::format("it hangs: while it loaded it has neither said nor read anything for {} s",
                                             std::chrono::duration<double>(most_).count())});
}

}  // namespace plimsoll::worker
