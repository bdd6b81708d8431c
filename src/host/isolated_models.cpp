#include "isolated_models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "device/rpc_servers.hpp"
#include "memory/group_owner.hpp"
#include "plan/process_entry.hpp"
#include "worker/limits.hpp"
#include "worker/remote_model.hpp"
#include "worker/rpc_loop.hpp"
#include "worker/worker_process.hpp"

#include "reported_bytes.hpp"
#include "returned_memory.hpp"

namespace plimsoll::host {
namespace {

std::string key_of(const plan::ModelPlan& plan, const std::string& process) {
  if (!plan.compute_group.empty()) return plan.compute_group;
  return "model:" + (process.empty() ? plan.name : process);
}

bool is_of_compute_group(const memory::Tag& tag) {
  return tag.stage == memory::Stage::compute || tag.buffer == plan::kProcessBuffer;
}

std::vector<memory::Ledger::PlannedEntry> without_process(std::vector<memory::Ledger::PlannedEntry> entries) {
  std::erase_if(entries, [](const auto& entry) { return entry.tag.buffer == plan::kProcessBuffer; });
  return entries;
}

// What the process itself takes, as it measured that.
std::vector<memory::Entry> with_process(std::vector<memory::Entry> held, const std::string& owner, Bytes process) {
  memory::Entry& entry = held.emplace_back();
  entry.tag = {
      .device = device::host(), .owner = owner, .stage = memory::Stage::runtime, .buffer = plan::kProcessBuffer};
  entry.planned = entry.taken.current = process;
  return held;
}

// A driver that is slower than that is not waited for: whoever loads then meets its refusal.
constexpr std::chrono::seconds kMostToGiveBack{2};

Bytes mapped_by(const std::vector<worker::RemoteModel*>& models) {
  Bytes sum;
  for (const worker::RemoteModel* model : models) {
    for (const plan::Entry& entry : model->plan().entries) {
      if (!entry.charged) sum += entry.bytes;
    }
  }
  return sum;
}

// An engine that computes on a server which is not there ends its process at once.
std::string why_servers_do_not_answer() { return device::greet_all().why; }

worker::Limits limits_of(const Isolation& rules) {
  return {.most_decode_time = rules.most_decode_time, .most_host_memory = rules.most_host_memory};
}

}  // namespace

// A process and the models in it. Members are destroyed from the last to the first: the process before what it has
// taken is given back.
class IsolatedModels::Group final : private worker::WorkerObserver {
 public:
  using GivesUp = std::function<void(const std::string& model, const Error& why)>;
  Group(worker::RpcLoop& loop, worker::WorkerOptions options, run::MemoryAccounting& accounting,
        std::vector<device::DeviceInfo> devices, const GivesUp& gives_up)
      : gives_up_(gives_up),
        devices_(std::move(devices)),
        memory_(accounting.probe(), accounting.ledger()),
        process_(std::in_place, loop, std::move(options), static_cast<worker::WorkerObserver&>(*this)) {
    process_->start();
  }
  ~Group() override {
    process_.reset();
    wait_for_memory();
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  [[nodiscard]] worker::WorkerProcess& process() noexcept { return *process_; }
  std::optional<ReportedBytes>& compute_buffers() noexcept { return compute_buffers_; }
  std::vector<memory::Ledger::PlannedEntry>& planned_buffers() noexcept { return planned_buffers_; }
  // Answers whether there were others.
  bool add(worker::RemoteModel* model) {
    const std::lock_guard lock(mutex_);
    models_.push_back(model);
    process_->set_mapped(mapped_by(models_));
    return models_.size() > 1;
  }
  // Likewise whether there are others still, for which it is to be closed. Waits while the process is being made ready
  // again.
  bool leave(worker::RemoteModel* model) {
    const std::lock_guard lock(mutex_);
    std::erase(models_, model);
    process_->set_mapped(mapped_by(models_));
    return !models_.empty() && !is_ending_;
  }
  void end() noexcept {
    is_ending_ = true;
    process_->end();
  }
  // Somebody waits for something of it. Does not wait itself: who has the lock waits for the process.
  [[nodiscard]] bool is_at_work() const {
    if (is_ending_) return false;
    if (process_->is_at_work()) return true;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    return !lock || std::ranges::any_of(models_, [](worker::RemoteModel* model) { return model->is_waited_for(); });
  }
  [[nodiscard]] std::vector<std::string> owners() const {
    std::vector<std::string> out;
    const std::lock_guard lock(mutex_);
    for (const worker::RemoteModel* model : models_) out.push_back(model->name());
    if (compute_buffers_) out.push_back(compute_buffers_->owner());
    return out;
  }
  // Everything that is to be in the process is there, and in the ledger.
  void note_memory() {
    memory_.note(devices_);
    std::vector<std::string> now = owners();
    const std::lock_guard lock(mutex_);
    held_by_ = std::move(now);
  }

 private:
  void died(const worker::Life& life, const worker::Death& death) override {
    {
      const std::lock_guard lock(mutex_);
      for (worker::RemoteModel* model : models_) model->note_death(life, death.by_itself);
    }
    wait_for_memory();
  }
  // The process has ended.
  void wait_for_memory() const {
    std::vector<std::string> owners;
    {
      const std::lock_guard lock(mutex_);
      owners = held_by_;
    }
    if (!memory_.is_back_within(kMostToGiveBack, owners))
      log::warn("host", "a process of models has ended, and {} s later devices do not have its memory back",
                kMostToGiveBack.count());
  }
  // All models first: an answer may need its draft's. Then what may have ended the process, one after the other.
  void make_again(const std::shared_ptr<worker::Life>& life) override {
    const std::lock_guard lock(mutex_);
    for (worker::RemoteModel* model : models_) model->load_again(life);
    for (const bool suspects : {true, false}) {
      for (worker::RemoteModel* model : models_) model->go_on(suspects);
    }
  }
  void is_back() override {
    const std::lock_guard lock(mutex_);
    for (worker::RemoteModel* model : models_) model->go_on(false);
    memory_.note(devices_);
  }
  void gives_up(const Error& why) override {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      for (const worker::RemoteModel* model : models_) names.push_back(model->name());
    }
    for (const std::string& name : names) gives_up_(name, why);
  }
  void gave_up(const Error& why) override {
    const std::lock_guard lock(mutex_);
    for (worker::RemoteModel* model : models_) model->fail_all(why);
  }

  const GivesUp& gives_up_;
  const std::vector<device::DeviceInfo> devices_;
  ReturnedMemory memory_;
  std::vector<memory::Ledger::PlannedEntry> planned_buffers_;
  std::optional<ReportedBytes> compute_buffers_;
  std::atomic<bool> is_ending_ = false;
  mutable std::mutex mutex_;
  std::vector<worker::RemoteModel*> models_;  // in the order in which they came
  std::vector<std::string> held_by_;          // owners of what is in it, some of which have gone meanwhile
  std::optional<worker::WorkerProcess> process_;
};

// Of one model, after which its bytes are given back; the process ends with the last one's, before that.
struct IsolatedModels::Place {
  std::optional<ReportedBytes> bytes;
  std::shared_ptr<Group> group;
};

IsolatedModels::IsolatedModels(run::MemoryAccounting& accounting, std::vector<std::string> program,
                               std::function<void(const std::string& model, const Error& why)> gives_up)
    : accounting_(accounting), program_(std::move(program)), gives_up_(std::move(gives_up)) {}

IsolatedModels::~IsolatedModels() = default;

// The process may take what is reserved for it, and what this host's budget has left: it is asked here before it stays.
std::vector<plan::DeviceVerdict> IsolatedModels::within(std::vector<plan::DeviceVerdict> devices,
                                                        const std::vector<std::string>& owners) const {
  memory::Ledger& ledger = accounting_.ledger();
  for (plan::DeviceVerdict& verdict : devices) {
    const device::DeviceId& device = verdict.state.info.id;
    const memory::DeviceAccount account = ledger.account(device);
    verdict.state.budget.reset();
    if (!account.budget) continue;
    Bytes own;
    for (const std::string& owner : owners) {
      Bytes reserved;
      Bytes taken;
      for (const memory::Entry& entry : ledger.entries_of(owner)) {
        if (!entry.charged || ledger.memory_of(entry.tag.device) != ledger.memory_of(device)) continue;
        reserved += entry.planned;
        taken += entry.taken.current;
      }
      own += std::max(reserved, taken);
    }
    verdict.state.budget = memory::Budget{.bytes = own + saturating_sub(*account.budget, account.committed)};
  }
  return devices;
}

// A group that goes meanwhile ends its process by itself, and without the lock.
std::size_t IsolatedModels::end_processes(ProcessesToEnd which) {
  std::vector<std::shared_ptr<Group>> there;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    for (const auto& [name, group] : groups_) {
      if (auto one = group.lock()) there.push_back(std::move(one));
    }
  }
  if (which == ProcessesToEnd::at_work) std::erase_if(there, [](const auto& group) { return !group->is_at_work(); });
  for (const auto& group : there) group->end();
  return there.size();
}

std::shared_ptr<IsolatedModels::Group> IsolatedModels::group_that_is_there(const std::string& name) {
  if (is_ending_) throw Error(ErrorCode::cancelled, "the host is ending");
  const auto there = groups_.find(name);
  return there == groups_.end() ? nullptr : there->second.lock();
}

// Without the lock servers are greeted, which may take seconds: the host may end meanwhile. Nobody else makes a group.
std::shared_ptr<IsolatedModels::Group> IsolatedModels::group_of(const Asked& asked) {
  const std::string name = key_of(asked.plan, asked.process);
  {
    const std::lock_guard lock(mutex_);
    if (auto group = group_that_is_there(name)) return group;
  }
  if (program_.empty())
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' is to compute in a process of its own, and the program 'plimsoll', "
                            "which that is, was found neither beside this one nor in PATH: "
                            "name it in the host's options",
                            asked.plan.name));
  const std::string why = asked.rules.is_remote ? why_servers_do_not_answer() : std::string();
  const std::lock_guard lock(mutex_);
  if (auto group = group_that_is_there(name)) return group;
  if (!why.empty()) throw Error(ErrorCode::io, why);
  if (!loop_) loop_ = std::make_unique<worker::RpcLoop>();
  worker::WorkerOptions options{.program = program_, .name = name};
  options.program.append_range(worker::arguments_of(limits_of(asked.rules)));
  if (asked.rules.is_remote) {
    options.program.append_range(device::rpc_arguments());
    options.hindrance = why_servers_do_not_answer;
  }
  if (asked.rules.most_deaths) options.most_deaths = *asked.rules.most_deaths;
  options.most_host_memory = asked.rules.most_host_memory;
  auto group =
      std::make_shared<Group>(*loop_, std::move(options), accounting_, plan::infos_of(asked.devices), gives_up_);
  groups_[name] = group;
  return group;
}

bool IsolatedModels::holds(const plan::ModelPlan& plan) const {
  if (plan.compute_group.empty()) return true;
  const auto group = [&] {
    const std::lock_guard lock(mutex_);
    const auto there = groups_.find(plan.compute_group);
    return there == groups_.end() ? nullptr : there->second.lock();
  }();
  if (!group) return true;
  return std::ranges::all_of(plan::compute_buffers_of(plan.compute_group, {plan}), [&](const auto& needed) {
    return std::ranges::any_of(group->planned_buffers(), [&](const memory::Ledger::PlannedEntry& entry) {
      return entry.tag.device == needed.first.first && entry.tag.buffer == needed.first.second &&
             entry.bytes >= needed.second;
    });
  });
}

IsolatedModels::Opened IsolatedModels::open(const Asked& asked, const std::stop_token& stop) {
  const plan::ModelPlan& plan = asked.plan;
  auto place = std::make_shared<Place>();
  auto entries = plan::reservation_entries(plan);
  if (!plan.compute_group.empty())
    std::erase_if(entries, [](const auto& entry) { return is_of_compute_group(entry.tag); });
  place->bytes.emplace(accounting_.ledger(), plan.name, entries);
  place->group = group_of(asked);
  Group& group = *place->group;
  if (!plan.compute_group.empty() && !group.compute_buffers()) {
    group.compute_buffers().emplace(accounting_.ledger(), memory::owner_of_group(plan.compute_group),
                                    asked.compute_buffers);
    group.planned_buffers() = asked.compute_buffers;
  }

  engine::ModelParams header = plan.request.model;
  header.devices = {"none"};  // devices are not even asked for their memory
  std::vector<std::string> owners = group.owners();
  owners.push_back(plan.name);
  worker::OpenRequest request{.plan = plan,
                              .compute_buffers = without_process(group.planned_buffers()),
                              .devices = within(asked.devices, owners),
                              .warm_up = asked.warm_up};
  std::erase_if(request.plan.entries, [](const auto& entry) { return entry.buffer == plan::kProcessBuffer; });
  auto model = std::make_unique<worker::RemoteModel>(*loop_, group.process(), std::move(request),
                                                     engine::Model::load(header, {.vocab_only = true}));
  const bool has_others = group.add(model.get());
  model->on_close([there = place->group](worker::RemoteModel* closing) { return there->leave(closing); });
  model->load(stop, !has_others);
  if (stop.stop_requested()) throw Error(ErrorCode::cancelled, fmt::format("the load of '{}' was stopped", plan.name));
  const worker::Opened& opened = model->opened();
  const bool is_in_group = group.compute_buffers() && !plan.compute_group.empty();
  place->bytes->report(is_in_group ? opened.held : with_process(opened.held, plan.name, opened.process));
  if (is_in_group)
    group.compute_buffers()->report(
        with_process(opened.held_by_group, group.compute_buffers()->owner(), opened.process));
  group.note_memory();
  return {
      .holds = std::move(place), .model = std::move(model), .load_ms = opened.load_ms, .warm_up_ms = opened.warm_up_ms};
}

}  // namespace plimsoll::host
