// ReportFile: where this process's reports go. The first process of a guarded program that meets an engine has the file
// that was asked for; others, its children, have one beside it with their number.
#pragma once
#include <string>

namespace plimsoll::guard {

// One thread at a time.
class ReportFile {
 public:
  // Takes the file; false: it cannot be written. Once.
  [[nodiscard]] bool open(const std::string& path);
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  // In the place of what was there.
  void write(const std::string& text) noexcept;
  // A forked child's copy: the file stays its parent's.
  void leave() noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace plimsoll::guard
