// TopControl: the keys of `plimsoll top`, and what is shown. No terminal: screens and tests drive it.
#pragma once
#include <atomic>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include "host/host.hpp"
#include "monitor/monitor.hpp"
#include "tui/top_state.hpp"

namespace plimsoll::tui {

enum class TopKey { up, down, load, unload, pin, scale, machine, quit };

// press() and state(): one thread. Host and monitor outlive it; loads that were asked for are cancelled when it ends.
class TopControl {
 public:
  TopControl(host::Host& host, monitor::Monitor& monitor, std::string title);
  ~TopControl();
  TopControl(const TopControl&) = delete;
  TopControl& operator=(const TopControl&) = delete;

  // Never waits for a load. What the host answers, a refusal too, is the state's `answer` from then on.
  void press(TopKey key);
  [[nodiscard]] bool quit() const noexcept { return quit_; }

  // As it is now: the monitor's latest sample (one is taken where there is none) and the latest events and notes.
  [[nodiscard]] TopState state();

  // A line for the event pane; the oldest are dropped beyond kMostNotes. Any thread.
  void note(std::string text);
  static constexpr std::size_t kMostNotes = 100;

 private:
  struct Answer {
    std::mutex mutex;
    std::string text;
  };
  struct Loading {
    std::atomic<bool> over = false;
    std::jthread thread;
  };
  void switch_scale();
  [[nodiscard]] MachineView machine() const;
  void act(TopKey key, const std::string& model);
  void load(const std::string& model);
  void answer(std::string text);

  host::Host& host_;
  monitor::Monitor& monitor_;
  std::string title_;
  std::size_t selected_ = 0;
  BarScale scale_ = BarScale::automatic;
  bool shows_machine_ = false;
  bool quit_ = false;
  Answer answer_;
  std::mutex notes_mutex_;
  std::deque<Note> notes_;
  std::list<Loading> loads_;  // last: they end before what they use
};

}  // namespace plimsoll::tui
