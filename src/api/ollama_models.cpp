#include "api/ollama_models.hpp"

#include <fmt/format.h>

#include <cctype>

namespace plimsoll::api {
namespace {

Json details(const OllamaModel& model) {
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", model.family},
          {"families", Json::array({model.family})},
          {"parameter_size", parameter_size(model.parameters)},
          {"quantization_level", quantization_level(model.description)}};
}

Json named(const OllamaModel& model) {
  const std::string name = with_a_tag(model.name);
  return {{"name", name}, {"model", name}};
}

}  // namespace

std::string with_a_tag(const std::string& name) { return name.contains(':') ? name : name + ":latest"; }

std::string parameter_size(std::uint64_t parameters) {
  const auto count = static_cast<double>(parameters);
  if (count >= 1e9) return fmt::format("{:.1f}B", count / 1e9);
  if (count >= 100e6) return fmt::format("{:.0f}M", count / 1e6);
  if (count >= 1e6) return fmt::format("{:.2f}M", count / 1e6);
  if (count >= 1e3) return fmt::format("{:.2f}K", count / 1e3);
  return std::to_string(parameters);
}

std::string quantization_level(const std::string& description) {
  constexpr std::string_view kDash = " - ";
  const std::size_t dash = description.rfind(kDash);
  const std::string front = description.substr(0, dash);
  std::string level = front.substr(front.rfind(' ') + 1);
  if (dash == std::string::npos) return level;
  const char size = description[dash + kDash.size()];  // "Small", "Medium", "Large"; or a number of bits
  return std::isupper(static_cast<unsigned char>(size)) != 0 ? level + "_" + size : level;
}

Json ollama_tags(const std::vector<OllamaModel>& models) {
  Json out = Json::array();
  for (const OllamaModel& model : models) {
    Json one = named(model);
    one["modified_at"] = model.modified_at;
    one["size"] = model.size;
    one["digest"] = model.digest;
    one["details"] = details(model);
    out.push_back(std::move(one));
  }
  return {{"models", std::move(out)}};
}

Json ollama_ps(const std::vector<OllamaLoaded>& models) {
  Json out = Json::array();
  for (const OllamaLoaded& loaded : models) {
    Json one = named(loaded.model);
    one["size"] = loaded.bytes;
    one["digest"] = loaded.model.digest;
    one["details"] = details(loaded.model);
    one["expires_at"] = loaded.expires_at;
    one["size_vram"] = loaded.device_bytes;
    one["context_length"] = loaded.context;
    out.push_back(std::move(one));
  }
  return {{"models", std::move(out)}};
}

Json ollama_show(const OllamaShown& shown) {
  return {{"license", ""},
          {"modelfile", fmt::format("# served by Plimsoll, which has no Modelfile\nFROM {}\n", shown.model.name)},
          {"parameters", fmt::format("num_ctx {}", shown.context)},
          {"template", shown.chat_template},
          {"details", details(shown.model)},
          {"model_info", shown.model_info},
          {"capabilities", shown.capabilities},
          {"modified_at", shown.model.modified_at}};
}

}  // namespace plimsoll::api
