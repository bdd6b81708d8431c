// LoneModel: one model in a process of its own, as a host has it.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>

#include "worker/limits.hpp"
#include "worker/remote_model.hpp"

#include "paths.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {

inline OpenRequest open_request(const plan::Request& asked) {
  const plan::Plan plan = test::plan_of(asked);
  return {.plan = plan.models.front(), .devices = plan.devices, .warm_up = run::WarmUpDepth::quick};
}

inline WorkerOptions worker_options(const Limits& limits = {}) {
  WorkerOptions out{.program = {binary_path("bin/plimsoll"), "model-worker"}, .name = "test"};
  out.program.append_range(arguments_of(limits));
  return out;
}

class LoneModel final : private WorkerObserver {
  std::mutex mutex_;
  bool is_closed_ = false;

 public:
  LoneModel(OpenRequest request, WorkerOptions options)
      : process(loop, std::move(options), *this), model(loop, process, request, header_of(request)) {
    model.on_close([this](RemoteModel*) { return leave(); });
    process.start();
    model.load();
  }
  ~LoneModel() noexcept override {}  // the RPC library's objects may throw in theirs

  RpcLoop loop;
  std::atomic<int> deaths = 0;
  std::atomic<bool> is_given_up = false;
  WorkerProcess process;
  RemoteModel model;

 private:
  static std::shared_ptr<engine::Model> header_of(const OpenRequest& request) {
    engine::ModelParams params = request.plan.request.model;
    params.devices = {"none"};
    return engine::Model::load(params, {.vocab_only = true});
  }
  // Waits while the supervisor is at work with the model: it ends before the process does.
  bool leave() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    return false;
  }
  void died(const Life& life, const Death& death) override {
    ++deaths;
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.note_death(life, death.by_itself);
  }
  void make_again(const std::shared_ptr<Life>& life) override {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    model.load_again(life);
    model.go_on(true);
    model.go_on(false);
  }
  void is_back() override {
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.go_on(false);
  }
  void gives_up(const Error&) override {}
  void gave_up(const Error& why) override {
    is_given_up = true;
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.fail_all(why);
  }
};

}  // namespace plimsoll::worker
