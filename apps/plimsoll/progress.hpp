// Progress: what a program does while one waits, on stderr: one line that is rewritten on a terminal, lines of their
// own for a demonstration, nothing otherwise.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::app {

class Progress {
 public:
  enum class Style { automatic, lines };
  explicit Progress(Style style = Style::automatic);
  ~Progress();  // clears an unfinished line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::string_view what, double fraction);
  // The stage is over; on a terminal its line goes, with Style::lines a sentence stays.
  void done(std::string_view sentence);

 private:
  void clear();
  bool terminal_;
  bool lines_;
  bool shown_ = false;
};

}  // namespace plimsoll::app
