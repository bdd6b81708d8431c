#include "process_identity.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace plimsoll::broker {
namespace {

// The 22nd field of /proc/PID/stat. The name of the program stands in parentheses and may hold anything.
std::uint64_t start_ticks_of(pid_t pid) noexcept {
  std::array<char, 32> path{};
  (void)std::snprintf(path.data(), path.size(), "/proc/%d/stat", static_cast<int>(pid));
  const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 1024> text{};
  const ssize_t length = ::read(file, text.data(), text.size());
  (void)::close(file);
  if (length <= 0) return 0;
  std::string_view rest(text.data(), static_cast<std::size_t>(length));
  const std::size_t name_ends = rest.rfind(')');
  if (name_ends == std::string_view::npos) return 0;
  rest.remove_prefix(name_ends + 1);
  constexpr int kFieldsBetween = 20;  // the state is the third
  for (int field = 0; field < kFieldsBetween; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return 0;
    rest.remove_prefix(space + 1);
  }
  std::uint64_t ticks = 0;
  (void)std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
  return ticks;
}

}  // namespace

ProcessIdentity this_process() noexcept {
  ProcessIdentity out{.pid = ::getpid()};
  out.start_ticks = start_ticks_of(out.pid);
  struct stat found{};
  if (::stat("/proc/self/ns/pid", &found) == 0) out.pid_namespace = found.st_ino;
  return out;
}

// A process of another user is there though /proc may hide it: then only its number can be asked for.
Fate fate_of(const ProcessIdentity& process, std::uint64_t own_namespace) noexcept {
  if (process.pid <= 0 || process.pid_namespace == 0 || process.pid_namespace != own_namespace) return Fate::unknown;
  if (::kill(process.pid, 0) != 0 && errno == ESRCH) return Fate::gone;
  const std::uint64_t now = start_ticks_of(process.pid);
  return now != 0 && process.start_ticks != 0 && now != process.start_ticks ? Fate::gone : Fate::there;
}

}  // namespace plimsoll::broker
