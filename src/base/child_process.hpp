// ChildProcess: a child that works for this process and answers in lines, so that what ends it does not end us.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace plimsoll {

// For the child, forked or run as a program, before it works: it ends when the other end of `in` is closed, which is
// when its parent ends, even in the middle of its work; writes no core file; takes a full disk as an error instead of a
// signal; and leaves Ctrl-C to its parent. Where `in` is no socket (a shell's pipe), its end is noticed by reading
// only.
void prepare_child(int in);

// A process of several threads must not go on as a fork of one of them. Those that were joined do not count.
[[nodiscard]] bool has_one_thread();

// One thread at a time, and another than the one that made it may use it. The child ends with this object, at the
// latest. Signals of this process are left as they are.
class ChildProcess {
 public:
  // What a forked child does with its two ends; returns its exit status.
  using Serve = std::function<int(int in, int out)>;

  // A fork of this process, which has_one_thread(). Throws Error{io}.
  explicit ChildProcess(const Serve& serve);
  // A program and its arguments, with the two ends as its stdin and stdout. Throws Error{io}.
  explicit ChildProcess(const std::vector<std::string>& program);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // That the child has ended is noticed by read_line().
  void write_line(const std::string& line);
  // The next line, without its end; empty where the child ended before it wrote one. Throws Error{cancelled} as soon as
  // `stop` is requested.
  [[nodiscard]] std::optional<std::string> read_line(const std::stop_token& stop = {});
  // Waits for what read_line() would wait for. False: neither a line nor the child's end came by then.
  [[nodiscard]] bool line_comes_before(std::chrono::steady_clock::time_point then);

  // For a child that speaks otherwise than in lines, over its stdin: the other end of that, which is the caller's from
  // now on. What the child writes to its stdout is read by nobody. Once, in the place of lines.
  [[nodiscard]] int take_socket() noexcept;
  // Any thread, as kill(). 0: it has been waited for.
  [[nodiscard]] pid_t pid() const noexcept;
  void kill() noexcept;  // at once; it is still to be waited for. Does nothing once it has been

  struct End {
    std::string how;     // "crashed (Segmentation fault)", "ended with status 1"
    std::string errors;  // all that the child wrote to stderr
    int signal = 0;      // that ended it; 0: it ended itself
  };
  // Only after read_line() came back empty, or in the place of reading, once: waits until the child has ended, whoever
  // else may write to its stderr still. Of what it wrote there the last `kept` bytes are kept.
  [[nodiscard]] End end(std::size_t kept = static_cast<std::size_t>(-1));

 private:
  struct Ends;
  void fork_child(const Ends& ends, const Serve& serve);
  void spawn_child(const Ends& ends, const std::vector<std::string>& program);
  void take(Ends& ends);
  [[nodiscard]] bool read_more(int stop, int most_ms);
  [[nodiscard]] int wait() noexcept;

  mutable std::mutex mutex_;  // of the number, which may be another process's once it has been waited for
  pid_t pid_ = -1;
  int to_ = -1;  // a socket: writing to a closed one is an error, not a signal
  int from_ = -1;
  int errors_ = -1;
  bool errors_are_over_ = false;
  std::string pending_;  // read, after the last whole line
  std::string stderr_;
};

}  // namespace plimsoll
