#include "tui/top_state.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/preset_json.hpp"
#include "monitor/take_sample.hpp"

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

std::string presets_in_words(const std::vector<host::Preset>& presets) {
  std::vector<std::string> words;
  for (const host::Preset& preset : presets) {
    std::vector<std::string> settings;
    const nlohmann::ordered_json json = host::to_json(preset);
    const auto add = [&](const auto& items) {
      for (const auto& [name, value] : items) {
        if (!value.is_object()) settings.push_back(fmt::format("{} {}", name, value.dump()));
      }
    };
    add(json["settings"].items());
    if (json["settings"].contains("sampling")) add(json["settings"]["sampling"].items());
    words.push_back(settings.empty() ? preset.name : fmt::format("{} ({})", preset.name, fmt::join(settings, ", ")));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

bool is_drawn_to_limit(BarScale scale, const monitor::DeviceSample& device) {
  if (!device.budget || *device.budget == Bytes{} || scale == BarScale::total) return false;
  return scale == BarScale::limit || monitor::limit_is_far_below_total(device);
}

BarScale other_scale(BarScale scale, const monitor::DeviceSample& device) {
  return is_drawn_to_limit(scale, device) ? BarScale::total : BarScale::limit;
}

}  // namespace plimsoll::tui
