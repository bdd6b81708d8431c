// own_loop: the event loop of this process, where it is the process of a model.
#pragma once
#include <memory>

#include "worker/rpc_loop.hpp"

namespace plimsoll::worker {

[[nodiscard]] Inbox& own_loop() noexcept;
void set_own_loop(Inbox& inbox) noexcept;  // once, before anything is served

// An object of the RPC library, which is deleted on that loop's thread, whoever lets go of it last.
template <class T>
[[nodiscard]] std::shared_ptr<T> held_for_own_loop(T object) {
  return {new T(kj::mv(object)), [](T* held) { own_loop().post([held] { delete held; }); }};
}

}  // namespace plimsoll::worker
