// LaterPlans: plans that are made while a host works with models.
#pragma once
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "dry_run/dry_run_process.hpp"
#include "host/host.hpp"
#include "plan/planner.hpp"

namespace plimsoll::app {

// Any thread. It has a dry run child of its own, which rests between its questions: to be made before any thread is.
class LaterPlans {
 public:
  LaterPlans();
  // What these would take beside what the host has.
  [[nodiscard]] plan::Plan plan(const std::vector<plan::Request>& requests, const host::Host& host);
  // See host::Host::reload().
  [[nodiscard]] host::ReloadReport reload(const std::function<host::Fleet()>& read, host::Host& host,
                                          const std::stop_token& stop);

 private:
  // One question at a time.
  class OneAtATime final : public dry_run::DryRunSource {
   public:
    explicit OneAtATime(std::vector<std::string> program) : child_(std::move(program)) {}
    [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override;
    [[nodiscard]] std::vector<dry_run::DeviceView> devices() override;
    void rest() override;

   private:
    std::mutex mutex_;
    dry_run::DryRunProcess child_;
  };
  OneAtATime dry_runs_;
};

}  // namespace plimsoll::app
