#include <plimsoll/run/open.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include <plimsoll/base/error.hpp>
#include <plimsoll/gauge/local_surveys.hpp>

namespace plimsoll::run {
namespace {

[[noreturn]] void throw_refused(const plan::Plan& plan) {
  const auto over = std::ranges::find_if(plan.devices, [](const auto& device) { return !device.fits(); });
  const plan::DeviceState& state = over->state;
  throw Error(ErrorCode::over_line,
              fmt::format("'{}' does not fit on {}: it needs {}, which is {} too much ({})", plan.models.front().name,
                          state.info.id.name(), format_bytes(over->required), format_bytes(over->short_by),
                          to_string(*over->limit)),
              {{"needed", over->required.value()},
               {"available", saturating_sub(over->required, over->short_by).value()},
               {"short_by", over->short_by.value()}});
}

}  // namespace

void make_ready(Instance& instance, const OpenOptions& options, plan::Store* store) {
  instance.load(options.load_progress, options.stop);
  instance.create_context();
  WarmUpOptions warm_up = options.warm_up;
  warm_up.stop = options.stop;
  (void)instance.warm_up(std::move(warm_up), store);
  instance.seal();
}

std::unique_ptr<Instance> open(MemoryBooks& books, const std::string& path, const OpenOptions& options) {
  if (options.require_enforcing) gauge::require_enforcing();
  memory::Owner owner = options.name.empty() ? books.owners().claim_numbered(std::filesystem::path(path).stem().string())
                                             : books.owners().claim(options.name);
  plan::Request request{.name = owner.name(),
                        .survey = {.model = options.model,
                                   .context = options.context,
                                   .adapters = options.adapters,
                                   .control_vector = options.control_vector,
                                   .projector = options.projector}};
  request.survey.model.path = path;
  request.survey.outputs = options.context.n_outputs_max;

  gauge::LocalSurveys surveys;
  plan::Store store;
  plan::PlannerOptions planning = options.planner;
  planning.lines = books.lines_with(options.planner.lines);
  planning.ours = books.committed();
  planning.alternatives = false;
  plan::Plan plan = plan::Planner(surveys, store).plan({request}, planning);
  if (!plan.fits()) throw_refused(plan);

  books.set_lines(plan.devices);
  auto instance = std::make_unique<Instance>(books, std::move(plan.models.front()), plan.devices, Sharing{},
                                             std::move(owner));
  make_ready(*instance, options, &store);
  return instance;
}

std::vector<engine::Token> tokenize_prompt(const engine::Model& model, std::string_view text) {
  return model.vocab().tokenize(text, true, true);
}

}  // namespace plimsoll::run
