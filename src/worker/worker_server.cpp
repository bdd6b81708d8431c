#include "worker_server.hpp"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "broker/machine_ledger.hpp"
#include "engine/backend.hpp"
#include "engine/engine_process.hpp"
#include "memory/group_owner.hpp"
#include "worker/serve_models.hpp"

#include "faults.hpp"
#include "load_report.hpp"
#include "message_limits.hpp"
#include "own_loop.hpp"
#include "reclaim_request.hpp"

namespace plimsoll::worker {

// What is promised to this process stands in the host's name in the machine's ledger.
WorkerServer::WorkerServer(const Limits& limits)
    : accounting_(broker::MachineLedger::open({.program = "model-worker", .path = "off"})),
      watchdog_(limits),
      at_start_(own_memory()) {}

run::ComputeGroup& WorkerServer::group_of(const OpenRequest& request) {
  const plan::ModelPlan& plan = request.plan;
  auto& group = groups_[plan.compute_group.empty() ? "model:" + plan.name : plan.compute_group];
  if (!group || (group->is_empty() && !group->is_made_for(request.compute_buffers))) {
    watchdog_.forget(group ? &group->loop() : nullptr);
    group = std::make_unique<run::ComputeGroup>(accounting_, plan.compute_group, request.compute_buffers);
    watchdog_.watch(group->loop());
  }
  return *group;
}

std::vector<memory::Entry> WorkerServer::held_by(const std::string& owner) {
  std::vector<memory::Entry> out = accounting_.ledger().entries_of(owner);
  std::erase_if(out,
                [](const memory::Entry& entry) { return entry.taken.current == Bytes{} && entry.planned == Bytes{}; });
  return out;
}

WorkerServer::Made WorkerServer::make(const OpenRequest& request, std::shared_ptr<ReclaimRequest> room,
                                      const std::shared_ptr<LoadReport>& report) {
  fault_while_loading();
  accounting_.set_budgets(request.devices);  // what the host has reserved for this process, and what may come to that
  const Stopwatch watch;
  auto model = std::make_shared<WorkerModel>();
  model->member = group_of(request).join();
  auto instance = std::make_unique<run::Instance>(accounting_, request.plan, request.devices, model->member->sharing());
  instance->load([report](float) { report->goes_on(); });
  report->goes_on();
  instance->create_context();
  const double load_ms = watch.elapsed_ms();
  (void)instance->warm_up(
      {.depth = request.warm_up, .progress = [report](const auto&, auto, auto) { report->goes_on(); }}, &store_);
  instance->seal();
  model->member->seal();
  Opened opened{.fingerprint = run::fingerprint_of(instance->context()), .held = held_by(request.plan.name)};
  if (!request.plan.compute_group.empty())
    opened.held_by_group = held_by(memory::owner_of_group(request.plan.compute_group));
  opened.process = at_start_;
  opened.load_ms = load_ms;
  opened.warm_up_ms = watch.elapsed_ms() - load_ms;
  model->model = std::make_unique<run::LocalModel>(std::move(instance));
  if (model->model->has_conversations() && model->model->context_facts().kv_unified)
    model->ask_for_room(std::move(room));
  return {.model = std::move(model), .opened = std::move(opened)};
}

kj::Promise<void> WorkerServer::open(OpenContext context) {
  const std::string text = context.getParams().getRequest().cStr();
  auto room = std::make_shared<ReclaimRequest>(context.getParams().getHost());
  auto report = std::make_shared<LoadReport>(context.getParams().getHost());
  return loader_
      .promise([this, text, room = std::move(room), report = std::move(report)] {
        return make(open_request_from(text), room, report);
      })
      .then([this, context](Made made) mutable {
        context.getResults().setFacts(to_text(made.opened).c_str());
        context.getResults().setModel(kj::heap<ModelServer>(sequences_, std::move(made.model)));
      });
}

// At the end nothing is torn down: the system takes back what the process held, faster than it could give it.
int serve_models(int socket, const Limits& limits) {
  engine::prepare_engine_process(socket);
  dup2(STDERR_FILENO, STDOUT_FILENO);  // whatever the engine prints is its last words
  auto io = kj::setupAsyncIo();
  Inbox inbox;
  set_own_loop(inbox);
  engine::start_backends();
  auto stream = io.lowLevelProvider->wrapUnixSocketFd(kj::AutoCloseFd(fcntl(socket, F_DUPFD_CLOEXEC, 0)));
  capnp::TwoPartyVatNetwork network(*stream, kMostFiles, capnp::rpc::twoparty::Side::SERVER,
                                    capnp::ReaderOptions{.traversalLimitInWords = kMostWords});
  auto rpc = capnp::makeRpcServer(network, kj::heap<WorkerServer>(limits));
  network.onDisconnect().wait(io.waitScope);
  std::fflush(nullptr);
  _exit(0);
}

}  // namespace plimsoll::worker
