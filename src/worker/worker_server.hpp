// WorkerServer: the process side of a compute group: loads its models with what the host has reserved for them, and
// serves them.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "own_memory.hpp"
#include "run/compute_group.hpp"
#include "run/memory_accounting.hpp"
#include "watchdog.hpp"
#include "worker/messages.hpp"
#include "worker/strand.hpp"
#include "worker_model.hpp"

namespace plimsoll::worker {

class LoadReport;  // load_report.hpp

class WorkerServer final : public rpc::Worker::Server {
 public:
  explicit WorkerServer(const Limits& limits);
  kj::Promise<void> open(OpenContext context) override;

 private:
  struct Made {
    std::shared_ptr<WorkerModel> model;
    Opened opened;
  };
  // On the loader's strand.
  [[nodiscard]] Made make(const OpenRequest& request, std::shared_ptr<ReclaimRequest> room,
                          const std::shared_ptr<LoadReport>& report);
  [[nodiscard]] run::ComputeGroup& group_of(const OpenRequest& request);
  [[nodiscard]] std::vector<memory::Entry> held_by(const std::string& owner);

  run::MemoryAccounting accounting_;
  plan::Store store_;
  std::map<std::string, std::unique_ptr<run::ComputeGroup>> groups_;  // by name, or "model:NAME" without one
  Watchdog watchdog_;
  const Bytes at_start_;  // of the host's memory
  SequenceSet sequences_;
  Strand loader_;
};

}  // namespace plimsoll::worker
