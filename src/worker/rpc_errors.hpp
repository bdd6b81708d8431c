// rpc_errors: this tree's errors as exceptions of the RPC library, and back.
#pragma once
#include <exception>
#include <string>

#include <kj/exception.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::worker {

// The other process has gone, in the middle of a call or before it.
class WorkerGone : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the process of the model has gone"; }
};

// An Error, with a refusal's numbers, as text and back.
[[nodiscard]] std::string text_of(const Error& error);
[[nodiscard]] Error error_from(const std::string& text);

[[nodiscard]] kj::Exception to_rpc(const Error& error);
[[nodiscard]] kj::Exception current_failure_for_rpc();  // of what is being thrown
// Throws the Error that the other side threw, WorkerGone where the connection has broken off.
[[noreturn]] void throw_from_rpc(const kj::Exception& failure);

// What `call` gives; what it throws of the library's as ours.
template <class Call>
auto as_ours(Call&& call) {
  try {
    return call();
  } catch (const kj::Exception& failure) {
    throw_from_rpc(failure);
  }
}

}  // namespace plimsoll::worker
