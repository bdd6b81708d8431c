// mapped_fault: a model's file that becomes shorter while it is mapped. Reading a page that is gone raises SIGBUS,
// which ends the process and every model in it. Where the file is guarded, the page reads as zeros instead and the
// guard tells.
#pragma once
#include <atomic>
#include <string>

namespace plimsoll::engine {

// A file as it was, and the same one held open, so that it can be looked at also where another has taken its name.
class GuardedFile {
 public:
  explicit GuardedFile(const std::string& path);  // where it cannot be opened, nothing is guarded and nothing changed
  ~GuardedFile();
  GuardedFile(const GuardedFile&) = delete;
  GuardedFile& operator=(const GuardedFile&) = delete;

  // A page of it could not be read any more, in any of its mappings. Any thread; costs a load.
  [[nodiscard]] bool faulted() const noexcept;
  // It has been written to, or cut, since. A system call.
  [[nodiscard]] bool rewritten() const noexcept;
  // Another file has its path, or none. A system call.
  [[nodiscard]] bool replaced() const noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct State {
    long long size = 0;
    long long seconds = 0;
    long long nanoseconds = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  std::string path_;
  int file_ = -1;
  State state_;
  unsigned long long device_ = 0;
  unsigned long long inode_ = 0;
  int slot_ = -1;  // in the table that the signal's handler reads
};

}  // namespace plimsoll::engine
