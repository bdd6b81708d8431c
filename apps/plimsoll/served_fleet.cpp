#include "served_fleet.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <set>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"
#include "device/probe.hpp"
#include "host/template_remarks.hpp"

#include "ini_fleet.hpp"

namespace plimsoll::app {
namespace {

// Without a budget for the host, the server takes this share of the host memory that is free at the start.
// The rest is for page cache, other programs, and what nobody can plan.
constexpr double kShareOfFree = 0.9;

std::optional<Bytes> share_of_free_host_memory() {
  const SystemClock clock;
  device::DeviceInfo host;
  host.id = device::host();
  host.memory_is_hosts = true;
  const auto reading = device::make_system_probes(clock)->read(host);
  if (!reading || !reading->free) return std::nullopt;
  return Bytes{static_cast<std::uint64_t>(static_cast<double>(reading->free->value()) * kShareOfFree)};
}

// "a,b,c", without what is empty.
std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    if (!word.empty()) out.push_back(std::move(word));
  }
  return out;
}

// As llama-server has it: the first of a model's aliases in the order of the alphabet is its name.
void name_by_alias(host::FleetModel& model) {
  const auto first = std::ranges::min_element(model.aliases);
  if (first != model.aliases.end()) model.request.name = *first;
}

// [MODEL=]NAME,...; without a model: of the only one.
void add_aliases(host::Fleet& fleet, const std::vector<std::string>& given) {
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos && fleet.models.size() != 1)
      throw Error(ErrorCode::usage, fmt::format("--alias {} does not say of which model: MODEL=NAME", text));
    const auto named = [&](const host::FleetModel& model) {
      return equals == std::string::npos || model.request.name == text.substr(0, equals);
    };
    const auto found = std::ranges::find_if(fleet.models, named);
    if (found == fleet.models.end())
      throw Error(ErrorCode::usage, fmt::format("--alias {}: there is no model of that name", text));
    found->aliases.append_range(split_at_commas(equals == std::string::npos ? text : text.substr(equals + 1)));
  }
}

// Where the flag was given.
void set_size(const char* flag, const std::string& given, Bytes& target) {
  if (given.empty()) return;
  const auto parsed = parse_bytes(given);
  if (!parsed) throw Error(ErrorCode::usage, fmt::format("{}: {}", flag, parsed.error()));
  target = *parsed;
}

// The command line's sampling, over the fleet file's.
void lay_over_all(host::Fleet& fleet, const engine::PartialSampling& given) {
  for (host::FleetModel& model : fleet.models) {
    model.sampling.params = engine::laid_over(std::move(model.sampling.params), given);
    model.sampling.given.insert(given.given.begin(), given.given.end());
  }
}

// One that is pinned never goes.
void set_time_to_live(host::Fleet& fleet, std::int64_t seconds) {
  if (seconds < 0) return;
  for (host::FleetModel& model : fleet.models) {
    if (!model.pinned) model.time_to_live = std::chrono::seconds(seconds);
  }
}

engine::PartialSampling sampling_of(const ServeOptions& options) {
  engine::PartialSampling out{.params = sampling(options.sampling), .given = options.sampling_given};
  if (options.reasoning_budget <= 0) return out;
  out.params.thought_tokens = static_cast<std::int32_t>(options.reasoning_budget);
  out.given.insert("thought_tokens");
  return out;
}

}  // namespace

void give_settings(host::Fleet& fleet, const ServeOptions& options) {
  add_aliases(fleet, options.aliases);
  for (const std::string& tags : options.tags) {
    for (host::FleetModel& model : fleet.models) model.tags.append_range(split_at_commas(tags));
  }
  lay_over_all(fleet, sampling_of(options));
  set_time_to_live(fleet, options.idle_s);
}

void say_what_templates_lack(const host::Fleet& fleet, const std::vector<std::string>& names) {
  host::Fleet of_names;
  std::ranges::copy_if(fleet.models, std::back_inserter(of_names.models),
                       [&](const host::FleetModel& model) { return std::ranges::contains(names, model.request.name); });
  for (const host::TemplateRemark& one : host::template_remarks(of_names)) {
    const std::string remark = host::remark_on(one);
    if (remark.empty()) continue;
    if (one.facts.chats)
      log::info("server", "{}: {}", one.name, remark);
    else
      log::warn("server", "{}: {}", one.name, remark);
  }
}

void ServedFleet::set_a_budget_for_the_host(host::Fleet& fleet) {
  const auto is_hosts = [](const memory::BudgetRequest& budget) { return budget.device && budget.device->is_host(); };
  if (std::ranges::any_of(fleet.budgets, is_hosts)) return;
  if (!budget_for_the_host_) {
    budget_for_the_host_ = share_of_free_host_memory();
    // One without a device may be the host's: which devices there are shows when models are planned.
    const bool may_be_anothers = std::ranges::any_of(fleet.budgets, [](const auto& budget) { return !budget.device; });
    if (budget_for_the_host_ && !may_be_anothers)
      log::info("server", "budget on the host: {}, which is {:.0f} % of what is free; --budget CPU=… sets another",
                format_bytes(*budget_for_the_host_), kShareOfFree * 100);
  }
  if (budget_for_the_host_)
    fleet.budgets.push_back({.device = device::host(), .amount = *budget_for_the_host_, .gives_way = true});
}

void ServedFleet::add_keys(host::Fleet& fleet) {
  plain_keys_ = options_.server.api_keys;
  for (const std::string& file : options_.api_key_files) {
    if (file.ends_with(".toml"))
      std::ranges::move(host::read_keys_file(file), std::back_inserter(fleet.keys));
    else
      std::ranges::move(server::read_api_keys(file), std::back_inserter(plain_keys_));
  }
  std::set<std::string> names;
  for (const host::FleetKey& key : fleet.keys) {
    if (!names.insert(key.name).second)
      throw Error(ErrorCode::usage, fmt::format("two API keys are called '{}'", key.name));
  }
}

host::Fleet ServedFleet::read() {
  host::Fleet fleet = has_models_ini(options_) ? fleet_of_models_ini(options_)
                                               : fleet_of_sources(options_.sources, options_.model, options_.purpose);
  set_size("--keep-in-host", options_.keep_in_host, fleet.keep_in_host);
  set_size("--yield-to-foreign", options_.yield_to_foreign, fleet.yield_to_foreign);
  if (options_.most_models >= 0) fleet.most_models = static_cast<std::size_t>(options_.most_models);
  if (options_.isolate) fleet.isolation.own_process = true;
  if (options_.decode_s > 0)
    fleet.isolation.most_decode_time = std::chrono::milliseconds(std::llround(options_.decode_s * 1000));
  host::settle_isolation(fleet);
  if (!options_.eviction.empty()) fleet.eviction = options_.eviction;  // an unknown one is a contradiction of the fleet
  give_settings(fleet, options_);
  if (fleet.models.size() == 1 && !has_models_ini(options_) && std::ranges::none_of(options_.sources, is_fleet_file))
    name_by_alias(fleet.models.front());
  set_a_budget_for_the_host(fleet);
  add_keys(fleet);
  return fleet;
}

}  // namespace plimsoll::app
