// SourceWatch: whether what a fleet is read from has changed: fleet files, model files, folders of them.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::app {

// One thread. What happened is read from the files themselves; inotify only says when to look, so that nothing depends
// on how an editor writes a file (in place, or another one renamed over it), nor on links.
class SourceWatch {
 public:
  explicit SourceWatch(std::vector<std::string> paths);  // none: nothing ever changes
  ~SourceWatch();
  SourceWatch(const SourceWatch&) = delete;
  SourceWatch& operator=(const SourceWatch&) = delete;

  [[nodiscard]] bool is_on() const noexcept { return !paths_.empty(); }
  [[nodiscard]] int descriptor() const noexcept { return inotify_; }  // can be read once something has happened
  void drain();                                                       // what has happened was noted
  // What the paths are now: which files, their sizes and times. Two that are equal: nothing has changed.
  [[nodiscard]] std::string state() const;
  // What they were when this was made.
  [[nodiscard]] const std::string& first_state() const noexcept { return first_state_; }

 private:
  void add_watches();
  std::vector<std::string> paths_;
  int inotify_ = -1;
  std::string first_state_;
};

}  // namespace plimsoll::app
