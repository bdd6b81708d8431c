#include "model_options.hpp"

#include <fmt/format.h>

#include "host/fleet_file.hpp"

#include "defaults.hpp"

namespace plimsoll::c_api {
namespace {

using Keys = host::FleetModel;

void add_keys(Keys& keys, const char* lines, const char* where) {
  if (lines != nullptr) keys = host::with_keys(std::move(keys), text_of(lines, -1, where), where);
}

std::uint32_t count_of(std::int32_t value, const char* member) {
  if (value < 0)
    throw Error(ErrorCode::usage, fmt::format("'{}' is {}: it is 0 or more, or PLIMSOLL_UNSET", member, value));
  return static_cast<std::uint32_t>(value);
}

void add_numbers(Keys& keys, const plimsoll_model_options& given) {
  engine::ContextParams& context = keys.request.dry_run.context;
  if (given.n_ctx != PLIMSOLL_UNSET) context.n_ctx = count_of(given.n_ctx, "n_ctx");
  if (given.n_seq_max != PLIMSOLL_UNSET) context.n_seq_max = count_of(given.n_seq_max, "n_seq_max");
  if (given.gpu_layers != PLIMSOLL_UNSET) keys.request.dry_run.model.gpu_layers = given.gpu_layers;
  if (given.n_threads != PLIMSOLL_UNSET)
    context.n_threads = static_cast<std::int32_t>(count_of(given.n_threads, "n_threads"));
}

WarmUp warm_up_of(std::int32_t warm_up) {
  static_assert(static_cast<int>(WarmUp::none) == PLIMSOLL_WARM_UP_NONE);
  if (warm_up < PLIMSOLL_WARM_UP_AUTOMATIC || warm_up > PLIMSOLL_WARM_UP_NONE)
    throw Error(ErrorCode::usage, fmt::format("there is no warm-up {}", warm_up));
  return static_cast<WarmUp>(warm_up);
}

std::vector<engine::AdapterParams> adapters_of(const plimsoll_model_options& given) {
  std::vector<engine::AdapterParams> out;
  for (std::string& path : texts_of(given.adapters, given.n_adapters, "adapters")) {
    const float scale = given.adapter_scales == nullptr ? 1.0F : given.adapter_scales[out.size()];
    out.push_back({.path = std::move(path), .scale = scale});
  }
  return out;
}

std::optional<DraftOptions> draft_of(const plimsoll_model_options& given) {
  if (given.draft == nullptr) return std::nullopt;
  return DraftOptions{.path = given.draft,
                      .most = count_of(given.draft_most, "draft_most"),
                      .least_probability = given.draft_least_probability};
}

}  // namespace

AskedModel asked_model(const char* path, const plimsoll_model_options* from) {
  const plimsoll_model_options given = known(from);
  Keys keys;
  add_keys(keys, given.settings, "settings");
  add_numbers(keys, given);
  add_keys(keys, given.overrides, "overrides");

  AskedModel out{.path = required_text(path, "path"), .options = {}, .run = std::make_unique<CallbackRun>()};
  ModelOptions& options = out.options;
  options.name = optional_text(given.name);
  options.model = keys.request.dry_run.model;
  options.context = keys.request.dry_run.context;
  options.projector = keys.request.dry_run.projector;
  options.projector.path = optional_text(given.projector);
  options.adapters = adapters_of(given);
  options.draft = draft_of(given);
  options.warm_up = warm_up_of(given.warm_up);
  out.run->follow(given.stop);
  options.stop = out.run->stop_token();
  if (given.load_progress != nullptr) {
    options.load_progress = [run = out.run.get(), told = given.load_progress, data = given.user_data](float share) {
      run->run([&] { return told(data, share); });
    };
  }
  return out;
}

}  // namespace plimsoll::c_api
