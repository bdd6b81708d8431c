#include "dry_run/remote_devices.hpp"

#include <algorithm>
#include <iterator>

#include <plimsoll/base/error.hpp>
#include "device/rpc_servers.hpp"

namespace plimsoll::dry_run {

RemoteDevices& RemoteDevices::of_process() {
  static RemoteDevices one;
  return one;
}

device::RpcGreeting RemoteDevices::greet() const {
  device::RpcGreeting greeting = device::greet_all();
  const std::lock_guard lock(mutex_);
  if (!greeting.is_well() && devices_.empty()) throw Error(ErrorCode::io, greeting.why);
  return greeting;
}

void RemoteDevices::remember(const std::vector<DeviceView>& devices) {
  const std::lock_guard lock(mutex_);
  devices_.clear();
  std::ranges::copy_if(devices, std::back_inserter(devices_),
                       [](const DeviceView& view) { return view.info.backend == device::kRpcBackend; });
}

std::vector<DeviceView> RemoteDevices::remembered() const {
  const std::lock_guard lock(mutex_);
  std::vector<DeviceView> out = devices_;
  for (DeviceView& view : out) view.reading.free.reset();
  return out;
}

bool may_use_remote_device(const DryRunRequest& request) {
  if (device::rpc_servers().empty()) return false;
  const std::vector<std::string>& devices = request.model.devices;
  return devices.empty() ||
         std::ranges::any_of(devices, [](const std::string& name) { return name.starts_with(device::kRpcBackend); });
}

}  // namespace plimsoll::dry_run
