// WorkerProcess: a child that does one thing for us and says how it goes, one line at a time.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace plimsoll::engine {

// For the child, forked or run as a program: ends with its parent, prints no backtrace with a debugger, writes no core
// file, takes a full disk as an error instead of a signal, and leaves Ctrl-C to its parent.
void be_a_modest_child();

// One thread. The child ends with this object, at the latest.
class WorkerProcess {
 public:
  // `serve` is what a forked child does with its two ends, where this process has one thread and no backends; elsewhere
  // `helper` is run with them as stdin and stdout. Throws Error: unsupported (neither is possible), io.
  WorkerProcess(const std::vector<std::string>& helper, const std::function<int(int in, int out)>& serve);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void say(const std::string& line);
  // The next line; empty where the child ended before it said one. Throws Error{cancelled} as soon as `stop` asks.
  [[nodiscard]] std::optional<std::string> hear(const std::stop_token& stop);
  // How it ended, in words. Only after hear() came back empty.
  [[nodiscard]] std::string cause_of_death();

 private:
  void fork_child(int in, int out, int errors, const std::function<int(int in, int out)>& serve);
  void spawn_child(int in, int out, int errors, const std::vector<std::string>& helper);
  [[nodiscard]] bool read_into(int file, std::string& text) const;

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  int errors_ = -1;
  std::string heard_;       // after the last whole line
  std::string last_words_;  // its stderr
};

}  // namespace plimsoll::engine
