// call: what stands around the body of every function: nothing is thrown through it.
#pragma once
#include <memory>
#include <utility>

#include "arguments.hpp"
#include "callbacks.hpp"
#include "errors.hpp"
#include "handles.hpp"
#include "in_use.hpp"

namespace plimsoll::c_api {

template <class Body>
[[nodiscard]] plimsoll_error* call(Body&& body) noexcept {
  try {
    require_no_quiet_callback();
    body();
    return nullptr;
  } catch (...) {
    return caught();
  }
}

// Allowed inside quiet callbacks, too; its errors are nobody's to free.
template <class Body>
plimsoll_error* closing(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (...) {
    return caught_and_kept();
  }
}

// Takes the handle away; the object goes with whoever uses it last. `before` may refuse, or stop what it does.
template <class T, class Before>
plimsoll_error* closed(T* handle, Before&& before) noexcept {
  return closing([&] {
    if (handle == nullptr) return;
    require_closing_allowed();
    std::shared_ptr<T> object = found(handle);
    before(*object);
    object.reset();
    destroy_soon(handles().remove(handle, kKind<T>));
  });
}
template <class T>
plimsoll_error* closed(T* handle) noexcept {
  return closed(handle, [](T&) {});
}

// The object of a handle that one thread may use at a time, while this lives.
template <class T>
class Use {
 public:
  explicit Use(T* handle) : object_(found(handle)), entered_(object_->in_use, to_string(kKind<T>)) {}
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_.get(); }
  [[nodiscard]] const std::shared_ptr<T>& object() const noexcept { return object_; }

 private:
  std::shared_ptr<T> object_;
  Entered entered_;  // left first
};

}  // namespace plimsoll::c_api
