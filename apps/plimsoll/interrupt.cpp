#include "interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "exit_status.hpp"

namespace plimsoll::app {
namespace {

std::atomic<int> wake_pipe{-1};  // write end; -1: nobody listens yet
std::atomic<int> times{0};
std::atomic<int> status_at_sigterm{interrupted};  // while nobody listens

// Only what a signal handler may do: count, write, end. Who was interrupted finds errno as it was.
void on_signal(int signal) {
  const int before = errno;
  const int listener = wake_pipe.load();
  const bool again = times.fetch_add(1) > 0;
  if (!again && listener < 0 && signal == SIGTERM && status_at_sigterm.load() == done) _exit(done);
  if (again || listener < 0) {
    constexpr char kSentence[] = "plimsoll: interrupted\n";
    (void)!write(STDERR_FILENO, kSentence, sizeof kSentence - 1);
    _exit(interrupted);
  }
  constexpr char kByte = 0;
  (void)!write(listener, &kByte, 1);
  errno = before;
}

std::stop_source start_listening() {
  std::stop_source source;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return source;  // then Ctrl-C goes on ending the program at once
  std::thread([read_end = ends[0], source]() mutable {
    char byte;
    while (read(read_end, &byte, 1) < 0 && errno == EINTR) {
    }
    source.request_stop();
  }).detach();
  wake_pipe.store(ends[1]);
  return source;
}

}  // namespace

void handle_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void end_at_sigterm_without_failure() noexcept { status_at_sigterm.store(done); }

std::stop_token interrupts() {
  static const std::stop_source source = start_listening();
  return source.get_token();
}

}  // namespace plimsoll::app
