// Hangups: SIGHUP as something to wait for.
#pragma once

namespace plimsoll::app {

// While it lives, SIGHUP is noted instead of ending the program. One at a time, in the main thread.
class Hangups {
 public:
  Hangups();
  ~Hangups();
  Hangups(const Hangups&) = delete;
  Hangups& operator=(const Hangups&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return read_end_; }  // can be read once one has come; -1: never
  // Whether one has come since this was asked last; several are one.
  [[nodiscard]] bool take();
  // The terminal that the program was started in is gone: what came was its end, and not somebody's wish.
  [[nodiscard]] bool terminal_is_gone() const;

 private:
  int read_end_ = -1;
  bool had_terminal_;
};

}  // namespace plimsoll::app
