// LineWorker: work in a forked child that reports line by line, so that its death can be attributed and survived.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::test {

// Fork before this process has started threads or backends. One thread.
class LineWorker {
 public:
  using Say = std::function<void(std::string_view line)>;

  // The child runs `work` and ends; what it throws ends it with status 1 and its words on stderr.
  explicit LineWorker(const std::function<void(const Say&)>& work);
  ~LineWorker();  // ends the child where it still runs
  LineWorker(const LineWorker&) = delete;
  LineWorker& operator=(const LineWorker&) = delete;

  [[nodiscard]] int readable_file() const noexcept { return from_; }
  // The next line; waits for it. Empty: the child has ended.
  [[nodiscard]] std::optional<std::string> hear();
  // After hear() came back empty: how it ended. Empty: all work done; else for people, with its last words.
  [[nodiscard]] std::string ending();

 private:
  pid_t child_ = -1;
  int from_ = -1;
  int errors_ = -1;  // a file that takes the child's stderr
  std::string pending_;
};

}  // namespace plimsoll::test
