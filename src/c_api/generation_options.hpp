// generation_options: a program's plimsoll_generation_options as the library's.
#pragma once
#include <memory>

#include <plimsoll.h>
#include <plimsoll/model.hpp>

#include "callbacks.hpp"
#include "objects.hpp"

namespace plimsoll::c_api {

struct AskedGeneration {
  GenerationOptions options;         // its callbacks use `run`
  std::shared_ptr<CallbackRun> run;  // of the generation
  WaitOptions wait;
};
// Throws Error{usage}: what means nothing.
[[nodiscard]] AskedGeneration asked_generation(const plimsoll_generation_options* given);

// Milliseconds; -1: as long as it takes.
[[nodiscard]] std::chrono::milliseconds patience_of(std::int64_t patience_ms);

// The generation that `begin` makes with the options asked for, as a handle. It shares `in_use` with what it is of.
template <class Begin>
[[nodiscard]] plimsoll_generation* begun(const plimsoll_generation_options* given, std::shared_ptr<InUse> in_use,
                                         Begin&& begin) {
  AskedGeneration asked = asked_generation(given);
  std::shared_ptr<CallbackRun> run = asked.run;
  try {
    return handle_of(std::make_shared<plimsoll_generation>(std::move(run), begin(asked), std::move(in_use)));
  } catch (...) {
    asked.run->rethrow();
    throw;
  }
}

}  // namespace plimsoll::c_api
