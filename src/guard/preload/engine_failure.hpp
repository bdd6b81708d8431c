// engine_failure: what an engine throws, or how it would end the process, as an error of ours. It has a C++ runtime of
// its own, and so have we.
#pragma once
#include <exception>
#include <functional>

#include <plimsoll/base/error.hpp>

#include "libraries.hpp"

namespace plimsoll::guard {

// The engine gave up in the middle of its work, and the guard did not let it end the process: what it worked on is in a
// state that nobody knows, and is not to be touched any more.
class GaveUp final : public Error {
 public:
  explicit GaveUp(const std::string& words) : Error(ErrorCode::engine_failed, words) {}
};

// Before anything that an engine throws passes a function of ours: our copy of the unwinder makes its tables at its own
// first exception, and ends the process where somebody else's comes before that.
void get_ready_to_catch() noexcept;

// Runs `work`, which calls the engine in `library`. What the engine throws becomes an Error: out_of_device_memory where
// it is a want of memory, else engine_failed. While it runs, ggml_abort() on this thread throws GaveUp in the place of
// ending the process. What is an Error already passes.
void contained(const Library& library, const std::function<void()>& work);

}  // namespace plimsoll::guard
