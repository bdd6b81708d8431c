#include <plimsoll/host.hpp>

#include <fmt/format.h>

#include <utility>

#include "host/fleet_file.hpp"
#include "plan/planner.hpp"

#include "conversation_state.hpp"
#include "embedding.hpp"
#include "host_state.hpp"
#include "own_process.hpp"
#include "worker_program.hpp"

namespace plimsoll {
namespace {

class RegretFunction final : public host::EvictionPolicy {
 public:
  explicit RegretFunction(std::function<double(const EvictionCandidate&)> regret) : regret_(std::move(regret)) {}
  double regret(const host::Candidate& candidate, Clock::TimePoint now) const override {
    const auto idle = std::chrono::duration_cast<std::chrono::milliseconds>(now - candidate.last_used);
    return regret_(
        {.name = candidate.name, .idle = idle, .reload_time = candidate.reload_time, .priority = candidate.priority});
  }

 private:
  std::function<double(const EvictionCandidate&)> regret_;
};

host::HostOptions host_options(const HostOptions& options, bool require_enforcing) {
  host::HostOptions out{.longest_queue = options.longest_queue,
                        .require_enforcing = require_enforcing,
                        .worker_program = library::worker_program(options.program)};
  if (options.regret) out.policy = std::make_shared<RegretFunction>(options.regret);
  if (options.on_change) {
    out.told = [told = options.on_change](const host::HostEvent& event) {
      if (event.kind == host::HostEventKind::moved) told(event.model, event.from, event.to);
    };
  }
  return out;
}

host::AcquireOptions acquire_options(AcquireOptions options) {
  return {.conversation = options.conversation,
          .when_busy = options.wait ? host::WhenBusy::wait : host::WhenBusy::refuse,
          .patience = options.patience,
          .stop = std::move(options.stop)};
}

}  // namespace

Host::State::State(std::shared_ptr<Runtime::State> of, host::Fleet fleet, HostOptions options)
    : runtime(std::move(of)),
      host(runtime->accounting, std::move(fleet), dry_runs, store, host_options(options, runtime->require_enforcing)) {}

Host::Host(Runtime runtime, const Fleet& fleet, HostOptions options)
    : state_(
          std::make_shared<State>(runtime.state(), library::host_fleet(fleet, *runtime.state()), std::move(options))) {}

Host::Host(Runtime runtime, const std::filesystem::path& fleet_file, HostOptions options)
    : state_(std::make_shared<State>(runtime.state(), host::read_fleet(fleet_file), std::move(options))) {}

namespace {

host::Fleet fleet_of(std::string_view text, const std::filesystem::path& folder) {
  auto parsed = host::parse_fleet(text, folder);
  if (!parsed) throw host::WrongConfigFile("fleet", "fleet", parsed.error());
  return *std::move(parsed);
}

}  // namespace

Host Host::of_text(Runtime runtime, std::string_view fleet, const std::filesystem::path& folder, HostOptions options) {
  return Host(std::make_shared<State>(runtime.state(), fleet_of(fleet, folder), std::move(options)));
}

const std::shared_ptr<Host::State>& Host::state() const { return library::held_here(state_, "host"); }

struct Lease::State {
  State(std::shared_ptr<Host::State> of, host::Lease taken) : host(std::move(of)), lease(std::move(taken)) {}
  std::shared_ptr<Host::State> host;  // destroyed last
  host::Lease lease;
};

Lease Host::acquire(const std::string& model, AcquireOptions options) const {
  const std::shared_ptr<State>& host = state();
  return Lease(std::make_shared<Lease::State>(host, host->host.acquire(model, acquire_options(std::move(options)))));
}

ConversationId Host::new_conversation(const std::string& model) const { return state()->host.new_conversation(model); }

void Host::end_conversation(ConversationId conversation) const { state()->host.end_conversation(conversation); }

void Host::load(const std::string& model, std::stop_token stop) const { state()->host.load(model, std::move(stop)); }

void Host::unload(const std::string& model) const { state()->host.unload(model); }

void Host::pin(const std::string& model, bool pinned) const { state()->host.pin(model, pinned); }

namespace {

HostReload told_of(const host::ReloadReport& report) {
  HostReload out{.applied = report.applied,
                 .added = report.difference.added,
                 .removed = report.difference.removed,
                 .unchanged = report.difference.unchanged,
                 .later = report.later};
  for (const host::ModelDifference& model : report.difference.changed) out.changed.push_back(model.name);
  for (const host::ReloadReason& reason : report.reasons)
    out.reasons.push_back(reason.place.empty() ? reason.sentence
                                               : fmt::format("{}: {}", reason.place, reason.sentence));
  return out;
}

// The host's own dry runs and store are its thread's.
HostReload reload_with(host::Host& host, const std::function<host::Fleet()>& read, const std::stop_token& stop) {
  dry_run::LocalDryRuns dry_runs;
  plan::Store store;
  plan::Planner planner(dry_runs, store);
  return told_of(host.reload(read, planner, stop));
}

}  // namespace

HostReload Host::reload(const Fleet& fleet, const std::stop_token& stop) const {
  State& of = *state();
  return reload_with(of.host, [&] { return library::host_fleet(fleet, *of.runtime); }, stop);
}

HostReload Host::reload(const std::filesystem::path& fleet_file, const std::stop_token& stop) const {
  return reload_with(state()->host, [&] { return host::read_fleet(fleet_file); }, stop);
}

HostReload Host::reload_text(std::string_view fleet, const std::filesystem::path& folder,
                             const std::stop_token& stop) const {
  return reload_with(state()->host, [&] { return fleet_of(fleet, folder); }, stop);
}

host::HostStatus Host::status() const { return state()->host.status(); }

Plan Host::plan() const {
  plan::Plan plan{.models = state()->host.plans(), .devices = {}, .alternatives = {}, .explanation = {}};
  plan.devices = plan::admit(plan.models, state()->host.devices());
  return Plan(std::move(plan));
}

Lease::Lease(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;

Lease::State& Lease::state() const { return *library::held_here(state_, "lease"); }

const std::string& Lease::model() const { return state().lease.model(); }

Conversation& Lease::conversation() {
  host::Lease& lease = state().lease;
  if (conversation_) return *conversation_;
  run::Conversation& leased = lease.conversation();
  conversation_.emplace(std::make_shared<Conversation::State>(state_, leased, lease.draft()));
  return *conversation_;
}

std::vector<Embedding> Lease::embed(std::span<const std::string> texts, const EmbedOptions& options) {
  return library::embed(state().lease.served(), texts, options);
}

std::vector<Ranked> Lease::rank(std::string_view query, std::span<const std::string> documents,
                                const RankOptions& options) {
  return library::rank(state().lease.served(), query, documents, options);
}

}  // namespace plimsoll
