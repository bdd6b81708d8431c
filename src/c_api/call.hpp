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

// Of a function with out parameters: the body empties them first, as plimsoll.h promises of every error, and calls
// require_no_quiet_callback() then.
template <class Body>
[[nodiscard]] plimsoll_error* emptying_call(Body&& body) noexcept {
  try {
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

// What reads an object through Read and does nothing else: allowed inside quiet callbacks that can close something.
// The body empties its out parameters first, and calls require_closing_allowed() then.
template <class Body>
[[nodiscard]] plimsoll_error* reading(Body&& body) noexcept {
  return emptying_call(std::forward<Body>(body));
}

// Takes the handle away; the object goes with whoever uses it last. `before` may refuse, or stop what it does.
template <class T, class Before>
plimsoll_error* closed(T* handle, Before&& before) noexcept {
  return closing([&] {
    if (handle == nullptr) return;
    require_closing_allowed();
    if (handles().forget_inherited(handle, kKind<T>)) return;
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

// The object of a handle, read inside a quiet callback, perhaps: another thread may close it meanwhile, and then it
// goes once the call that the callback came from is over.
template <class T>
class Read {
 public:
  explicit Read(T* handle) : object_(found(handle)) {}
  ~Read() {
    try {
      destroy_soon(std::move(object_));
    } catch (...) {  // no memory to remember it in: it goes now
    }
  }
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;
  [[nodiscard]] const T* operator->() const noexcept { return object_.get(); }

 private:
  std::shared_ptr<T> object_;
};

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
