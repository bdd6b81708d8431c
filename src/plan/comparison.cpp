#include "plan/comparison.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "plan/plan_json.hpp"

namespace plimsoll::plan {
namespace {

constexpr std::size_t kLongestName = 44;

// The end of a long name tells quantisations apart.
std::string shortened(const std::string& name) {
  return name.size() <= kLongestName ? name : "…" + name.substr(name.size() - kLongestName + 1);
}

// Of all plans together: one may compute on fewer devices than another.
std::vector<device::DeviceId> devices_of(const std::vector<Compared>& compared) {
  std::vector<device::DeviceId> devices;
  for (const Compared& one : compared) {
    if (!one.plan) continue;
    for (const DeviceVerdict& verdict : one_of_each_memory(one.plan->devices)) {
      if (!std::ranges::contains(devices, verdict.state.info.id)) devices.push_back(verdict.state.info.id);
    }
  }
  return devices;
}

std::string required(const Plan& plan, const device::DeviceId& device) {
  const auto verdict = std::ranges::find(plan.devices, device, [](const DeviceVerdict& v) { return v.state.info.id; });
  return verdict == plan.devices.end() ? "-" : format_bytes(verdict->required);
}

std::string judgement(const Plan& plan) {
  if (plan.fits()) return "fits";
  std::vector<std::string> shortages;
  for (const DeviceVerdict& verdict : one_of_each_memory(plan.devices)) {
    if (!verdict.fits())
      shortages.push_back(fmt::format("SHORT BY {} on {} ({})", format_bytes(verdict.short_by),
                                      verdict.state.info.id.name(), to_string(*verdict.limit)));
  }
  std::string out = fmt::format("{}", fmt::join(shortages, ", "));
  if (plan.stands_on_estimates()) out += "; only an estimate stands in the way";
  if (!plan.alternatives.empty()) out += fmt::format("; fits with {}", fmt::join(plan.alternatives.front().flags, " "));
  return out;
}

}  // namespace

const Compared* largest_that_fits(const std::vector<Compared>& compared) {
  const Compared* largest = nullptr;
  for (const Compared& one : compared) {
    if (one.plan && one.plan->fits() && (largest == nullptr || one.file >= largest->file)) largest = &one;
  }
  return largest;
}

std::string to_table(const std::vector<Compared>& compared) {
  std::size_t width = std::string_view("model").size();
  for (const Compared& one : compared) width = std::max(width, std::min(one.name.size(), kLongestName));
  const std::vector<device::DeviceId> devices = devices_of(compared);
  std::string out = fmt::format("  {:<{}} {:>11}", "model", width, "file");
  for (const device::DeviceId& device : devices) out += fmt::format(" {:>11}", device.name());
  out += "\n";
  for (const Compared& one : compared) {
    out += fmt::format("  {:<{}} {:>11}", shortened(one.name), width, format_bytes(one.file));
    if (!one.plan) {
      out += fmt::format("  {}\n", one.unusable ? one.unusable->what() : "nothing is known of it");
      continue;
    }
    for (const device::DeviceId& device : devices) out += fmt::format(" {:>11}", required(*one.plan, device));
    out += fmt::format("  {}\n", judgement(*one.plan));
  }
  const Compared* largest = largest_that_fits(compared);
  return out + (largest != nullptr ? fmt::format("\n  The largest that fits: {}\n", largest->name)
                                   : "\n  None of them fits.\n");
}

nlohmann::ordered_json to_json(const std::vector<Compared>& compared, tracker::Mode tracker) {
  auto models = nlohmann::ordered_json::array();
  for (const Compared& one : compared) {
    models.push_back({{"name", as_utf8(one.name)}, {"file_bytes", one.file.value()}});
    auto& json = models.back();
    json["plan"] = one.plan ? to_json(*one.plan, tracker) : nlohmann::ordered_json(nullptr);
    if (one.unusable) json["unusable"] = as_utf8(one.unusable->what());
  }
  const Compared* largest = largest_that_fits(compared);
  return {{"schema", "plimsoll.comparison/1"},
          {"largest_that_fits", largest != nullptr ? nlohmann::ordered_json(as_utf8(largest->name)) : nullptr},
          {"models", models}};
}

}  // namespace plimsoll::plan
