#include "tui/top_screen.hpp"

#include <fmt/format.h>

#include <atomic>
#include <ftxui/component/component.hpp>
#include <ftxui/component/screen_interactive.hpp>
#include <ftxui/screen/terminal.hpp>
#include <optional>
#include <thread>

#include "base/log.hpp"
#include "base/sleep.hpp"
#include "tui/top_view.hpp"

namespace plimsoll::tui {
namespace {

std::optional<TopKey> key_of(const ftxui::Event& event) {
  if (event == ftxui::Event::ArrowUp || event == ftxui::Event::Character('k')) return TopKey::up;
  if (event == ftxui::Event::ArrowDown || event == ftxui::Event::Character('j')) return TopKey::down;
  if (event == ftxui::Event::Character('l')) return TopKey::load;
  if (event == ftxui::Event::Character('u')) return TopKey::unload;
  if (event == ftxui::Event::Character('p')) return TopKey::pin;
  if (event == ftxui::Event::Character('t')) return TopKey::scale;
  if (event == ftxui::Event::Character('m')) return TopKey::machine;
  if (event == ftxui::Event::Character('q') || event == ftxui::Event::Escape) return TopKey::quit;
  return std::nullopt;
}

// Log lines would be written across the picture.
class LinesAsNotes {
 public:
  explicit LinesAsNotes(TopControl& control) {
    log::set_sink([&control](log::Level, std::string_view component, std::string_view message) {
      if (component != "monitor") control.note(fmt::format("{}: {}", component, message));  // alerts are notes anyway
    });
  }
  ~LinesAsNotes() { log::set_sink({}); }
  LinesAsNotes(const LinesAsNotes&) = delete;
  LinesAsNotes& operator=(const LinesAsNotes&) = delete;
};

}  // namespace

Left run_top(TopControl& control, const ScreenOptions& options) {
  const LinesAsNotes notes(control);
  if (!options.colour) ftxui::Terminal::SetColorSupport(ftxui::Terminal::Palette1);
  auto screen = ftxui::ScreenInteractive::Fullscreen();
  screen.TrackMouse(false);
  const auto picture = ftxui::Renderer([&] {
    const auto size = ftxui::Terminal::Size();
    return render_top(control.state(), size.dimx, size.dimy);
  });
  std::atomic<bool> interrupted = false;
  const auto top = picture | ftxui::CatchEvent([&](const ftxui::Event& event) {
                     if (event == ftxui::Event::CtrlC) interrupted = true;
                     if (const auto key = key_of(event)) control.press(*key);
                     if (control.quit() || interrupted) screen.Exit();
                     return true;
                   });
  const std::stop_callback on_interrupt(options.stop, [&] {
    interrupted = true;
    screen.PostEvent(ftxui::Event::Custom);
  });
  std::jthread refresh([&](const std::stop_token& stop) {
    while (sleep_unless_stopped(options.interval, stop)) screen.PostEvent(ftxui::Event::Custom);
  });
  screen.Loop(top);
  return interrupted ? Left::by_interrupt : Left::by_key;
}

}  // namespace plimsoll::tui
