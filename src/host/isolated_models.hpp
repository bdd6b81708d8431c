// IsolatedModels: models that compute in a process of their own, one process for each compute group. What they take
// there stands in this host's ledger.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "host/isolation.hpp"
#include "run/memory_accounting.hpp"
#include "run/served_model.hpp"
#include "run/warm_up.hpp"

namespace plimsoll::worker {
class RpcLoop;
}

namespace plimsoll::host {

// The Loader's, one thread; what it gives is used from any, and ends before this does.
class IsolatedModels {
 public:
  // `program`: what is run as the process, and its arguments. `gives_up`: the process of this model has died too often;
  // called on a thread of the process, before the model says that it has failed.
  IsolatedModels(run::MemoryAccounting& accounting, std::vector<std::string> program,
                 std::function<void(const std::string& model, const Error& why)> gives_up);
  ~IsolatedModels();

  struct Asked {
    const plan::ModelPlan& plan;
    const Isolation& rules;
    std::string process{};  // whose it shares, where it has no compute group: a draft its model's
    std::vector<memory::Ledger::PlannedEntry> compute_buffers{};  // of its compute group
    std::vector<plan::DeviceVerdict> devices{};
    run::WarmUpDepth warm_up = run::WarmUpDepth::automatic;
  };
  struct Opened {
    std::shared_ptr<void> holds;  // what is charged for it, and its place in the process; ends after the model
    std::unique_ptr<run::ServedModel> model;
    double load_ms = 0;
    double warm_up_ms = 0;
  };
  // Throws what loading throws, with the process's last words where it ended it, Error{unsupported} where no program is
  // known, and Error{io} where an RPC server that it may compute on does not answer.
  [[nodiscard]] Opened open(const Asked& asked, const std::stop_token& stop);
  // The process that is there for that compute group has compute buffers that are large enough for this model, or there
  // is none.
  [[nodiscard]] bool holds(const plan::ModelPlan& plan) const;
  // The host is ending: these processes are ended, beside each other, and none is started. What is asked of one that
  // hangs, or that loads, is not waited for any longer: Error{cancelled}. Any thread. Answers how many there were.
  std::size_t end_processes(ProcessesToEnd which);

 private:
  class Group;
  struct Place;
  [[nodiscard]] std::shared_ptr<Group> group_of(const Asked& asked);
  // With the lock. Null: there is none. Throws Error{cancelled} where the host is ending.
  [[nodiscard]] std::shared_ptr<Group> group_that_is_there(const std::string& name);
  [[nodiscard]] std::vector<plan::DeviceVerdict> within(std::vector<plan::DeviceVerdict> devices,
                                                        const std::vector<std::string>& owners) const;

  run::MemoryAccounting& accounting_;
  const std::vector<std::string> program_;
  const std::function<void(const std::string& model, const Error& why)> gives_up_;
  std::unique_ptr<worker::RpcLoop> loop_;
  mutable std::mutex mutex_;
  bool is_ending_ = false;
  std::map<std::string, std::weak_ptr<Group>> groups_;  // by name, or "model:NAME" without one
};

}  // namespace plimsoll::host
