#include "loader.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "plan/planner.hpp"
#include "run/local_model.hpp"

namespace plimsoll::host {

namespace {

// Of what is being thrown.
bool is_refused_by_others() noexcept {
  try {
    throw;
  } catch (const memory::Refused& refused) {
    return refused.refusal().by == memory::RefusedBy::others;
  } catch (...) {
    return false;
  }
}

}  // namespace

Error current_failure() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal, "something was thrown that is not an exception"};
  }
}

Loader::Loader(Surroundings surroundings, std::vector<plan::ModelPlan> plans, FreeCapacity capacity)
    : outer_(std::move(surroundings)),
      plans_(std::move(plans)),
      capacity_(std::move(capacity)),
      runtimes_(outer_.accounting, outer_.store, outer_.devices.planned(),
                [this](const std::string& owner) { return outer_.devices.is_elsewhere(owner); }),
      weights_(outer_.accounting, outer_.devices, outer_.files, outer_.kept, outer_.conversations.swap_space()),
      isolated_(outer_.accounting, outer_.worker_program,
                [this](const std::string& model, const Error& why) {
                  outer_.queue.given_up(model, why);
                  if (why.code() == ErrorCode::io) outer_.machine_has_gone(model);
                }),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Loader::stop() {
  thread_.request_stop();
  (void)end_processes(ProcessesToEnd::all);
  thread_.join();
}

Loader::~Loader() {
  if (thread_.joinable()) stop();
  successors_place_.reset();
  weights_.clear();
  outer_.kept.clear();
}

void Loader::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::optional<Job> job = outer_.queue.next_at_once();
    if (!job && tidy_up()) continue;
    if (!job) job = outer_.queue.next(stop);
    if (!job) continue;
    if (const auto* wanted = std::get_if<Load>(&job->task)) report(load(wanted->model, job->stop));
    if (const auto* victim = std::get_if<Evict>(&job->task))
      report(evict(*victim, std::move(job->resident), job->stop));
    if (const auto* between = std::get_if<BetweenJobs>(&job->task)) between->work();
  }
}

// What can wait until nothing else is to be done. False: there was nothing.
bool Loader::tidy_up() {
  if (std::exchange(successors_place_, nullptr)) return true;  // nobody came
  if (!std::exchange(trims_when_idle_, false)) return false;
  (void)malloc_trim(0);  // the system gets back what models had on the heap
  return true;
}

void Loader::report(Outcome outcome) noexcept {
  try {
    outer_.told(outcome);
  } catch (...) {
    log::error("host", "what became of a model could not be counted: {}", current_failure().what());
  }
  outer_.queue.finished(std::move(outcome));
}

const FleetModel& Loader::declared(const std::string& model) const {
  const auto leaving = leaving_.find(model);
  return leaving != leaving_.end() ? leaving->second.declared : model_of(*outer_.fleet, model);
}

std::vector<std::string> Loader::with_draft(const std::string& model) const {
  std::vector<std::string> out{model};
  if (const auto& draft = declared(model).draft) out.push_back(draft->request.name);
  return out;
}

// What models take for themselves in processes of their own says nothing of this one.
std::vector<plan::ModelPlan> Loader::plans_of_this_process() const {
  const std::set<std::string> elsewhere = isolated_owners(*outer_.fleet);
  std::vector<plan::ModelPlan> out = plans_;
  std::erase_if(out, [&](const plan::ModelPlan& plan) { return elsewhere.contains(plan.name); });
  return out;
}

void Loader::pass_on_runtimes() {
  const RuntimeFigures figures = runtimes_.figures(plans_of_this_process());
  for (const ModelRuntime& one : figures) capacity_.set_runtime(one.model, one.device, one.figure);
  outer_.queue.set_runtimes(figures);
}

// --- files that have changed ---

std::vector<plan::ModelPlan> Loader::plan_anew_where_changed(const std::string& model) {
  outer_.files.note_tried(model);
  const FleetModel& asked = declared(model);
  std::vector<plan::ModelPlan> anew;
  for (const plan::Request* request : {asked.draft ? &asked.draft->request : nullptr, &asked.request}) {
    if (request == nullptr) continue;
    weights_.forget_mapped_where_changed(request->name);
    if (!outer_.files.are_as_planned(request->name)) anew.push_back(plan_anew(*request));
  }
  if (!anew.empty()) pass_on_runtimes();
  return anew;
}

plan::ModelPlan Loader::plan_anew(const plan::Request& request) {
  const std::string& name = request.name;
  std::string files = outer_.files.identity_now(name);
  outer_.kept.forget(name);
  log::info("host", "'{}' is planned anew: its file is not what was planned", name);
  const dry_run::RestAfterwards rest(outer_.dry_runs);
  std::vector<plan::ModelPlan> plans = plan::Planner(outer_.dry_runs, outer_.store)
                                           .plan({request}, {.budgets = outer_.fleet->budgets,
                                                             .ours = outer_.accounting.committed(),
                                                             .alternatives = false,
                                                             .runtime = outer_.fleet->runtime,
                                                             .machine = &outer_.accounting.machine()})
                                           .models;
  add_processes(*outer_.fleet, plans);
  plan::ModelPlan anew = std::move(plans.front());
  choose_group(anew);
  *std::ranges::find(plans_, name, &plan::ModelPlan::name) = anew;
  capacity_.replace(anew);
  runtimes_.forget(name);
  outer_.files.set_planned(name, std::move(files));
  outer_.conversations.forget_states_of(name);  // what another model has computed means nothing to this one
  return anew;
}

// A compute group's compute buffers are as large as they were made. Where nobody computes in them, they are made again;
// else a model that needs more computes in memory of its own.
void Loader::choose_group(plan::ModelPlan& plan) {
  if (!isolated_.holds(plan)) plan.compute_group.clear();
  const auto group = compute_groups_.find(plan.compute_group);
  if (plan.compute_group.empty() || group == compute_groups_.end()) return;
  if (group->second->is_empty())
    compute_groups_.erase(group);
  else if (!group->second->holds(plan::compute_buffers_of(plan.compute_group, {plan})))
    plan.compute_group.clear();
}

// --- host memory that makes way ---

Bytes Loader::needed_on_host(const std::string& model) const {
  if (model.empty()) return {};
  for (const plan::DeviceVerdict& verdict : capacity_.judge({model})) {
    if (verdict.state.info.id.is_host()) return verdict.required;
  }
  return {};
}

// What is kept, or swapped out, in host memory where that model is to lie leaves it.
void Loader::make_way_for(const std::string& name) {
  const Bytes on_host = needed_on_host(name);
  Bytes in_memory;
  for (const plan::DeviceVerdict& verdict : capacity_.judge({name})) {
    if (verdict.state.info.memory_is_hosts) in_memory += verdict.required;
  }
  Bytes way;
  const Bytes own = outer_.kept.size_of_model(name);  // is there already
  const memory::DeviceAccount account = outer_.accounting.ledger().account(device::host());
  if (account.budget) way = saturating_sub(account.committed + on_host, *account.budget + own);
  for (const plan::DeviceState& state : outer_.devices.readings()) {
    if (state.info.id.is_host() && state.reading.free)
      way = std::max(way, saturating_sub(in_memory, *state.reading.free + own));
  }
  if (way > Bytes{}) way = saturating_sub(way, outer_.kept.give_way(way, name));
  if (way > Bytes{}) outer_.conversations.swap_space().give_way(way);
}

// The refusal is about the memory that kept weights lie in.
bool Loader::is_about_host_memory(const Error& error) const {
  const auto* refused = dynamic_cast<const memory::Refused*>(&error);
  if (refused == nullptr) return error.code() == ErrorCode::out_of_device_memory;
  const device::DeviceId& device = refused->refusal().device;
  return device.is_host() || std::ranges::any_of(outer_.devices.planned(), [&](const plan::DeviceVerdict& one) {
           return one.state.info.id == device && one.state.info.memory_is_hosts;
         });
}

// After that error: what is kept, else what is swapped out in memory, leaves. False: that would not help.
bool Loader::make_more_way(const std::string& name, const Error& error) {
  const Bytes held = outer_.kept.held().all();
  if (held > Bytes{} && is_about_host_memory(error)) {
    log::info("host", "'{}' is tried again without the {} of weights that are kept: {}", name, format_bytes(held),
              error.what());
    outer_.kept.clear();
    return true;
  }
  SwapSpace& swap_space = outer_.conversations.swap_space();
  const Bytes in_memory = swap_space.held().in_memory;
  if (error.code() != ErrorCode::over_budget || in_memory == Bytes{}) return false;
  log::info("host", "'{}' is tried again without the {} that are swapped out in memory: {}", name,
            format_bytes(in_memory), error.what());
  swap_space.give_way(in_memory);
  return true;
}

std::shared_ptr<Resident> Loader::open_with_way_made(const std::string& name, const std::stop_token& stop) {
  make_way_for(name);
  for (;;) {
    try {
      return open(name, stop);
    } catch (const Error& error) {
      if (stop.stop_requested() || !make_more_way(name, error)) throw;
    }
  }
}

// --- loading ---

run::ComputeGroup& Loader::group_of(const plan::ModelPlan& model) {
  const std::string key = model.compute_group.empty() ? "model:" + model.name : model.compute_group;
  auto& group = compute_groups_[key];
  if (!group || (group->is_empty() && !group->is_made_for(capacity_.compute_buffers_of_group(model.compute_group)))) {
    group = std::make_unique<run::ComputeGroup>(outer_.accounting, model.compute_group,
                                                capacity_.compute_buffers_of_group(model.compute_group));
  }
  return *group;
}

// In a process of its own everything is one step.
Ready Loader::make_isolated(const std::string& name, const FleetModel& asked, const std::stop_token& stop) {
  const plan::ModelPlan& plan = capacity_.plan_of(name);
  IsolatedModels::Opened opened =
      isolated_.open({.plan = plan,
                      .rules = asked.isolation,
                      .process = asked.request.name,
                      .compute_buffers = capacity_.compute_buffers_of_group(plan.compute_group),
                      .devices = outer_.devices.planned(),
                      .warm_up = asked.warm_up},
                     stop);
  log::info("host", "'{}' in process {}: loaded in {:.1f} ms, warm-up {:.1f} ms", name, opened.model->process()->pid,
            opened.load_ms, opened.warm_up_ms);
  return {.member = {},
          .holds = std::move(opened.holds),
          .model = std::move(opened.model),
          .warm_up_ms = opened.warm_up_ms};
}

Ready Loader::make_ready(const std::string& name, const FleetModel& asked, const std::stop_token& stop,
                         const std::function<void(const engine::Model&)>& has_context) {
  if (!asked.isolation.is_wanted()) return make_ready_here(name, asked.warm_up, stop, has_context);
  Ready ready = make_isolated(name, asked, stop);
  has_context(*ready.model->vocabulary());
  return ready;
}

Ready Loader::make_ready_here(const std::string& name, run::WarmUpDepth depth, const std::stop_token& stop,
                              const std::function<void(const engine::Model&)>& has_context) {
  const plan::ModelPlan& plan = capacity_.plan_of(name);
  const auto stop_here = [&] {
    if (stop.stop_requested()) throw Error(ErrorCode::cancelled, fmt::format("the load of '{}' was stopped", name));
  };
  const Stopwatch watch;
  Ready ready;
  ready.member = group_of(plan).join();
  auto instance =
      std::make_unique<run::Instance>(outer_.accounting, plan, outer_.devices.planned(), ready.member->sharing());
  const double reserved_ms = watch.elapsed_ms();
  weights_.load(*instance, stop);
  const double loaded_ms = watch.elapsed_ms();
  stop_here();
  instance->create_context();
  const double context_ms = watch.elapsed_ms();
  stop_here();
  has_context(*instance->model());
  runtimes_.warm_up(*instance, depth, stop);
  ready.member->seal();
  weights_.keep_mapped(*instance);
  ready.model = std::make_unique<run::LocalModel>(std::move(instance));
  ready.warm_up_ms = watch.elapsed_ms() - context_ms;
  log::info("host", "'{}': reserved in {:.1f} ms, weights {:.1f} ms, context {:.1f} ms, warm-up {:.1f} ms", name,
            reserved_ms, loaded_ms - reserved_ms, context_ms - loaded_ms, ready.warm_up_ms);
  return ready;
}

// The draft first, so that what the model grows by while it is made ready is its own.
std::shared_ptr<Resident> Loader::open(const std::string& name, const std::stop_token& stop) {
  const FleetModel& asked = declared(name);
  auto resident = std::make_shared<Resident>();
  resident->name = name;
  if (asked.draft) {
    resident->draft = make_ready(asked.draft->request.name, asked, stop, [](const engine::Model&) {});
    resident->speculation = asked.draft->speculation;
  }
  static_cast<Ready&>(*resident) = make_ready(name, asked, stop, [&](const engine::Model& loaded) {
    if (resident->draft) {
      const run::ServedModel& draft = *resident->draft->model;
      run::require_draft(loaded, name, *draft.vocabulary(), draft.name());
    }
    outer_.queue.warming(name);
  });
  if (resident->model->has_conversations()) {
    resident->model->on_full_cache(
        [store = &outer_.conversations, self = resident.get()] { return store->make_free(*self); });
  }
  return resident;
}

Outcome Loader::load(const std::string& name, const std::stop_token& stop) noexcept {
  const Stopwatch watch;
  try {
    if (auto plans = plan_anew_where_changed(name); !plans.empty())
      return Replanned{.model = name, .plans = std::move(plans)};
    const auto place = std::move(successors_place_);  // until the newcomer has one of its own
    std::shared_ptr<Resident> resident = open_with_way_made(name, stop);
    pass_on_runtimes();
    return Loaded{.model = name, .resident = std::move(resident), .ms = watch.elapsed_ms()};
  } catch (...) {
    Error why = current_failure();
    if (stop.stop_requested()) {
      log::info("host", "the load of '{}' was stopped after {:.1f} ms", name, watch.elapsed_ms());
      return Failed{.model = name, .why = {ErrorCode::cancelled, "its load was stopped: nobody waits for it any more"}};
    }
    log::warn("host", "'{}' could not be loaded: {}", name, why.what());
    return Failed{.model = name, .why = std::move(why), .by_others = is_refused_by_others()};
  }
}

}  // namespace plimsoll::host
