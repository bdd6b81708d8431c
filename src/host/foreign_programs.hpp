// ForeignPrograms: a host's looks at what programs take that are not Plimsoll's, and what it does for them.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "host/foreign_watch.hpp"

#include "fleet_devices.hpp"
#include "queue.hpp"

namespace plimsoll::host {

// Any thread. Devices and queue outlive it. Where nothing is to be left to them it has no thread and looks at nothing.
class ForeignPrograms {
 public:
  using Drafts = std::function<std::map<std::string, std::string>()>;  // by a model's name that of its draft
  ForeignPrograms(const FleetDevices& devices, Queue& queue, Drafts drafts)
      : devices_(devices), queue_(queue), drafts_(std::move(drafts)) {}
  ~ForeignPrograms() { stop(); }
  // So much of each memory is left to them from now on.
  void leave(Bytes bytes);
  void stop();

 private:
  void work(const std::stop_token& stop);
  void look();
  [[nodiscard]] std::vector<StandingModel> standing_models(const std::vector<ModelHolding>& holdings) const;

  const FleetDevices& devices_;
  Queue& queue_;
  const Drafts drafts_;
  Mutex mutex_;
  Bytes leave_ PLIMSOLL_GUARDED_BY(mutex_);
  ForeignWatch watch_;  // the thread's
  std::jthread thread_;
};

}  // namespace plimsoll::host
