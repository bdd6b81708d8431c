// ChildProcess: a child that works for us and answers in lines, so that what ends the engine does not end us.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace plimsoll::engine {

// For the child, forked or run as a program: ends when the other end of `in` is gone, which is when its parent is, even
// in the middle of its work; prints no backtrace with a debugger, writes no core file, takes a full disk as an error
// instead of a signal, and leaves Ctrl-C to its parent. Where `in` is no socket (a shell's pipe) its end is noticed by
// who reads it only.
void prepare_child(int in);

// One thread, and it may be another one than made it. The child ends with this object, at the latest. Signals of this
// process are left as they are.
class ChildProcess {
 public:
  // What a child does with its two ends, one line at a time; answers its exit status.
  using Serve = std::function<int(int in, int out)>;

  // `serve` runs in a forked child where this process has one thread and has not started the backends; elsewhere
  // `helper` is run with the two ends as stdin and stdout. Throws Error: unsupported (neither is possible), io.
  ChildProcess(const std::vector<std::string>& helper, const Serve& serve);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // A child that is gone is noticed by hear().
  void say(const std::string& line);
  // The next line, without its end; empty where the child ended before it said one. Throws Error{cancelled} as soon as
  // `stop` asks.
  [[nodiscard]] std::optional<std::string> hear(const std::stop_token& stop = {});
  // How it ended, in words. Only after hear() came back empty.
  [[nodiscard]] std::string cause_of_death();

 private:
  struct Ends;
  void fork_child(const Ends& ends, const Serve& serve);
  void spawn_child(const Ends& ends, const std::vector<std::string>& helper);
  void close_files() noexcept;
  [[nodiscard]] bool read_into(int file, std::string& text) const;
  [[nodiscard]] int wait_for_the_end() noexcept;

  pid_t pid_ = -1;
  int to_ = -1;  // a socket: writing to one that is closed is an error, not a signal
  int from_ = -1;
  int errors_ = -1;
  std::string heard_;       // after the last whole line
  std::string last_words_;  // its stderr
};

}  // namespace plimsoll::engine
