// own_loop: the event loop of this process, where it is the process of a model.
#pragma once
#include "worker/rpc_loop.hpp"

namespace plimsoll::worker {

[[nodiscard]] Inbox& own_loop() noexcept;
void set_own_loop(Inbox& inbox) noexcept;  // once, before anything is served

}  // namespace plimsoll::worker
