// PipelineCache: in which state the driver's cache of compiled pipelines was when a model was warmed. Compiling takes
// memory that reading from the cache does not, so a measurement without the state it saw says little.
#pragma once
#include <cstdint>

#include <plimsoll/device/device.hpp>
#include "plan/store.hpp"

namespace plimsoll::run {

// Looks at the cache folders of Mesa and NVIDIA, as their environment variables place them: what grew while a model was
// warmed had to be compiled. One thread.
class PipelineCacheWatch {
 public:
  PipelineCacheWatch();
  // Since construction. none: nothing there compiles pipelines. cold: something was compiled and written, or the cache
  // is switched off. warm: nothing new was written.
  [[nodiscard]] plan::PipelineCache state(bool accelerated) const;

 private:
  std::uint64_t before_ = 0;  // bytes of the cache folders' files
};

}  // namespace plimsoll::run
