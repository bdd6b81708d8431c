#include "tui/top_state.hpp"

#include <fmt/format.h>

namespace plimsoll::tui {

Note note_of(const host::HostEvent& event) {
  const std::string why = event.why.empty() ? "" : fmt::format(" ({})", event.why);
  if (event.kind == host::HostEventKind::refused) return {event.at, fmt::format("{}: refused{}", event.model, why)};
  return {event.at, fmt::format("{}: {} -> {}, {}{}", event.model, host::to_string(event.from),
                                host::to_string(event.to), format_bytes(event.bytes), why)};
}

Note note_of(const monitor::Alert& alert) {
  const char* mark = alert.severity == monitor::Severity::notice ? "" : "! ";
  return {alert.at, mark + alert.sentence};
}

}  // namespace plimsoll::tui
