#include "hangups.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace plimsoll::app {
namespace {

std::atomic<int> write_end{-1};

// Only what a signal handler may do. A full pipe says enough.
void on_hangup(int) {
  const int before = errno;
  constexpr char kByte = 0;
  if (const int end = write_end.load(); end >= 0) (void)!write(end, &kByte, 1);
  errno = before;
}

void set_handler(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGHUP, &action, nullptr);
}

}  // namespace

Hangups::Hangups() : had_terminal_(isatty(STDERR_FILENO) == 1) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;  // then SIGHUP goes on ending the program
  read_end_ = ends[0];
  write_end.store(ends[1]);
  set_handler(on_hangup);
}

Hangups::~Hangups() {
  if (read_end_ < 0) return;
  set_handler(SIG_DFL);
  close(write_end.exchange(-1));
  close(read_end_);
}

bool Hangups::take() {
  bool any = false;
  char bytes[64];
  while (read_end_ >= 0 && read(read_end_, bytes, sizeof bytes) > 0) any = true;
  return any;
}

bool Hangups::terminal_is_gone() const { return had_terminal_ && isatty(STDERR_FILENO) != 1; }

}  // namespace plimsoll::app
