#include <nlohmann/json.hpp>

#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "model_options.hpp"
#include "plan_object.hpp"

using namespace plimsoll::c_api;

namespace plimsoll::c_api {
namespace {

// As lines of a fleet file: what JSON has of numbers, texts and lists is TOML as well.
std::string lines_of(const nlohmann::ordered_json& keys) {
  std::string lines;
  for (const auto& [key, value] : keys.items()) lines += key + " = " + value.dump() + "\n";
  return lines;
}

}  // namespace

std::shared_ptr<plimsoll_plan> plan_object(Plan plan) {
  auto out =
      std::make_shared<plimsoll_plan>(plimsoll_plan{.plan = plan, .devices = plan.devices(), .alternatives = {}});
  const auto json = nlohmann::ordered_json::parse(plan.json());
  for (const auto& alternative : json.at("alternatives"))
    out->alternatives.push_back(
        {.overrides = lines_of(alternative.at("keys")), .cost = alternative.at("cost").get<std::string>()});
  return out;
}

}  // namespace plimsoll::c_api

extern "C" {

plimsoll_error* plimsoll_model_options_init(plimsoll_model_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_model_plan(plimsoll_runtime* runtime, const char* path, const plimsoll_model_options* options,
                                    plimsoll_plan** plan) {
  return emptying_call([&] {
    *place_of(plan, "plan") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    AskedModel asked = asked_model(path, options);
    *plan = handle_of(plan_object(object->runtime.plan(asked.path, asked.options)));
  });
}

plimsoll_error* plimsoll_plan_close(plimsoll_plan* plan) { return closed(plan); }

plimsoll_error* plimsoll_plan_admit(plimsoll_plan* plan) {
  return call([&] {
    if (const auto refusal = found(plan)->plan.refusal()) throw plimsoll::Error(*refusal);
  });
}

plimsoll_error* plimsoll_plan_n_devices(plimsoll_plan* plan, uint64_t* count) {
  return emptying_call([&] {
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    *count = found(plan)->devices.size();
  });
}

plimsoll_error* plimsoll_plan_device(plimsoll_plan* plan, uint64_t index, plimsoll_planned_device* device) {
  return call([&] {
    const auto object = found(plan);
    const plimsoll::PlannedDevice& from = object->devices[index_of(index, object->devices.size(), "device")];
    give_struct(plimsoll_planned_device{.size = 0,
                                        .has_budget = from.budget.has_value(),
                                        .has_free = from.free.has_value(),
                                        .reserved = 0,
                                        .required = from.required.value(),
                                        .budget = from.budget.value_or(plimsoll::Bytes{}).value(),
                                        .free = from.free.value_or(plimsoll::Bytes{}).value(),
                                        .short_by = from.short_by.value(),
                                        .device = from.device.c_str()},
                device, "plimsoll_planned_device");
  });
}

plimsoll_error* plimsoll_plan_n_alternatives(plimsoll_plan* plan, uint64_t* count) {
  return emptying_call([&] {
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    *count = found(plan)->alternatives.size();
  });
}

plimsoll_error* plimsoll_plan_alternative(plimsoll_plan* plan, uint64_t index, const char** overrides,
                                          const char** cost) {
  return emptying_call([&] {
    if (overrides != nullptr) *overrides = nullptr;
    if (cost != nullptr) *cost = nullptr;
    require_no_quiet_callback();
    const auto object = found(plan);
    const auto& alternative = object->alternatives[index_of(index, object->alternatives.size(), "alternative")];
    if (overrides != nullptr) *overrides = alternative.overrides.c_str();
    if (cost != nullptr) *cost = alternative.cost.c_str();
  });
}

plimsoll_error* plimsoll_plan_json(plimsoll_plan* plan, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    give_text(found(plan)->plan.json(), json);
  });
}

plimsoll_error* plimsoll_plan_table(plimsoll_plan* plan, char** table) {
  return emptying_call([&] {
    *place_of(table, "table") = nullptr;
    require_no_quiet_callback();
    give_text(found(plan)->plan.table(), table);
  });
}

}  // extern "C"
