// device_context: what a process holds on a device as soon as anything computes there.
#pragma once
#include <string>

namespace plimsoll::engine {

// Makes this process's context on ggml's device of that name, as the first model there would, and keeps nothing beside
// it. It stays for the life of the process. False: there is no such device, or it could not be had. Starts the
// backends.
bool make_device_context(const std::string& device);

}  // namespace plimsoll::engine
