// RemoteDevices: devices of RPC servers while those cannot be asked, which is when they serve somebody else: models of
// this very program above all. What was read of them last stands then.
#pragma once
#include <mutex>
#include <vector>

#include "device/rpc_greeting.hpp"
#include "dry_run/dry_run_source.hpp"

namespace plimsoll::dry_run {

// Of the whole process. Any thread.
class RemoteDevices {
 public:
  static RemoteDevices& of_process();

  // Greets every server. Well: their devices can be asked, or there are none. Else what is remembered stands, and where
  // that is nothing, Error{io} is thrown.
  [[nodiscard]] device::RpcGreeting greet() const;
  // Those of these that are remote.
  void remember(const std::vector<DeviceView>& devices);
  // How much of them is free now, nobody knows.
  [[nodiscard]] std::vector<DeviceView> remembered() const;

 private:
  mutable std::mutex mutex_;
  std::vector<DeviceView> devices_;
};

// Whether a dry run of it may ask a remote device something: it names one, or leaves the choice to the engine. Pure.
[[nodiscard]] bool may_use_remote_device(const DryRunRequest& request);

}  // namespace plimsoll::dry_run
