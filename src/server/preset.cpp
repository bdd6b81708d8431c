#include "preset.hpp"

#include <cstddef>
#include <cstdint>

namespace plimsoll::server {
namespace {

api::Json parsed(const std::string& values) { return values.empty() ? api::Json::object() : api::Json::parse(values); }

}  // namespace

void add_settings(const ServerOptions& options, const host::FleetModel& model, const host::Preset* preset,
                  api::TextRequest& request) {
  auto* chat = std::get_if<api::ChatPrompt>(&request.prompt);
  if (chat == nullptr) return;
  api::Json values = parsed(options.template_values);
  values.update(parsed(model.template_values));
  if (preset != nullptr) {
    if (!preset->system.empty() && (chat->messages.empty() || chat->messages.front().role != "system"))
      chat->messages.insert(chat->messages.begin(), {.role = "system", .content = preset->system});
    values.update(parsed(preset->template_values));
    if (preset->thinking) values["enable_thinking"] = *preset->thinking;
  }
  if (chat->template_values.is_object()) values.update(chat->template_values);
  if (!values.empty()) chat->template_values = std::move(values);
}

engine::SamplingParams sampling_of(const engine::PartialSampling& recommended, const host::FleetModel& model,
                                   const host::Preset* preset, const api::TextRequest& request) {
  engine::SamplingParams sampling = engine::laid_over({}, recommended);
  sampling = engine::laid_over(std::move(sampling), model.sampling);
  if (preset != nullptr) sampling = engine::laid_over(std::move(sampling), preset->sampling);
  return engine::laid_over(std::move(sampling), {.params = request.sampling, .given = request.sampling_given});
}

engine::SamplingParams looking_back_within(engine::SamplingParams sampling, std::size_t context, std::size_t trained) {
  for (std::int32_t* last : {&sampling.penalty_last_n, &sampling.dry_last_n}) {
    const std::size_t wanted = *last < 0 ? trained : static_cast<std::size_t>(*last);
    if (wanted > context) *last = static_cast<std::int32_t>(context);
  }
  return sampling;
}

}  // namespace plimsoll::server
