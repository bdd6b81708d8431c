#include "model_names.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <optional>
#include <string_view>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

using Same = std::function<bool(const std::string& ours)>;

using Fleet = std::shared_ptr<const host::Fleet>;

std::shared_ptr<const host::FleetModel> held(const Fleet& fleet, const host::FleetModel& model) {
  return {fleet, &model};
}

// The only one of which a name is the same; empty: none, or several.
std::optional<NamedModel> only_one(const Fleet& fleet, const Same& same) {
  std::optional<NamedModel> found;
  bool several = false;
  const auto add = [&](const host::FleetModel& model, const host::Preset* preset) {
    several = several || (found && (found->model.get() != &model || found->preset != preset));
    found = NamedModel{.model = held(fleet, model), .preset = preset};
  };
  for (const host::FleetModel& model : fleet->models) {
    if (same(model.request.name) || std::ranges::any_of(model.aliases, same)) add(model, nullptr);
    for (const host::Preset& preset : model.presets) {
      if (same(preset.name) || std::ranges::any_of(preset.aliases, same)) add(model, &preset);
    }
  }
  return several ? std::nullopt : found;
}

std::optional<NamedModel> exactly(const Fleet& fleet, std::string_view name) {
  return only_one(fleet, [&](const std::string& ours) { return ours == name; });
}

bool same_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view without_end(std::string_view name, std::string_view end) {
  if (name.size() > end.size() && same_in_any_case(name.substr(name.size() - end.size()), end))
    name.remove_suffix(end.size());
  return name;
}

}  // namespace

std::optional<NamedModel> find_model(const Fleet& fleet, const std::string& name) {
  const NamedModel first{.model = held(fleet, fleet->models.front())};
  if (name.empty()) return first;
  if (const auto found = exactly(fleet, name)) return found;
  if (name == "default") return first;
  const std::string_view tagless = without_end(name, ":latest");
  if (const auto found = exactly(fleet, tagless)) return found;
  const std::string_view last = without_end(tagless.substr(tagless.rfind('/') + 1), ".gguf");  // npos + 1 is 0
  if (const auto found = exactly(fleet, last)) return found;
  for (const std::string_view one : {std::string_view(name), last}) {
    if (const auto found = only_one(fleet, [&](const std::string& ours) { return same_in_any_case(ours, one); }))
      return found;
  }
  if (fleet->models.size() == 1) return first;
  return std::nullopt;
}

NamedModel model_named(const Fleet& fleet, const std::string& name) {
  if (const auto found = find_model(fleet, name)) return *found;
  throw api::no_such_model(name);
}

}  // namespace plimsoll::server
