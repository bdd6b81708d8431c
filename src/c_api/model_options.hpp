// model_options: a program's plimsoll_model_options as the library's.
#pragma once
#include <memory>
#include <string>

#include <plimsoll.h>
#include <plimsoll/model.hpp>

#include "callbacks.hpp"

namespace plimsoll::c_api {

struct AskedModel {
  std::string path;
  ModelOptions options;              // its callbacks use `run`
  std::unique_ptr<CallbackRun> run;  // of this opening

  // Calls `open` with path and options; what a callback let out arrives as CallbackFailed.
  template <class Open>
  auto with(Open&& open) {
    try {
      return open(path, options);
    } catch (...) {
      run->rethrow();
      throw;
    }
  }
};
// Throws Error{usage}: what means nothing.
[[nodiscard]] AskedModel asked_model(const char* path, const plimsoll_model_options* given);

}  // namespace plimsoll::c_api
