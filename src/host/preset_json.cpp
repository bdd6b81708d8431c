#include "host/preset_json.hpp"

#include <filesystem>

#include "base/utf8.hpp"
#include "engine/sampling_json.hpp"

namespace plimsoll::host {
namespace {

using Json = nlohmann::ordered_json;

// What was named, and what differs from the stock value.
Json sampling_json(const engine::PartialSampling& sampling) {
  const Json stock = engine::to_json(engine::SamplingParams{});
  Json out = engine::to_json(sampling.params);
  for (const auto& [name, value] : stock.items()) {
    if (!sampling.given.contains(name) && out[name] == value) out.erase(name);
  }
  return out;
}

}  // namespace

Json to_json(const Preset& preset) {
  Json settings = Json::object();
  if (!preset.system.empty()) settings["system"] = preset.system;
  if (preset.thinking) settings["thinking"] = *preset.thinking;
  if (!preset.chat_template.empty()) settings["chat-template"] = preset.chat_template;
  if (!preset.template_values.empty()) settings["template-arguments"] = Json::parse(preset.template_values);
  if (preset.n_ctx > 0) settings["ctx-size"] = preset.n_ctx;
  if (preset.adapters) {
    settings["lora"] = Json::array();
    for (const engine::AdapterParams& adapter : *preset.adapters) {
      const std::string file = as_utf8(std::filesystem::path(adapter.path).filename().string());
      settings["lora"].push_back({{"path", file}, {"scale", adapter.scale}});
    }
  }
  if (Json sampling = sampling_json(preset.sampling); !sampling.empty()) settings["sampling"] = std::move(sampling);
  return {{"name", preset.name}, {"aliases", preset.aliases}, {"settings", std::move(settings)}};
}

}  // namespace plimsoll::host
