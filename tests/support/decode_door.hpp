// DecodeDoor: a test's own work in the place of llama_decode, for what a device does rarely: fail, throw, take its
// time.
#pragma once
#include <llama.h>

#include <functional>

namespace plimsoll::test {

// While it lives, every llama_decode of this program is `work`. One at a time.
class DecodeDoor {
 public:
  using Work = std::function<std::int32_t(llama_context*, llama_batch)>;
  explicit DecodeDoor(Work work);
  ~DecodeDoor();
  DecodeDoor(const DecodeDoor&) = delete;
  DecodeDoor& operator=(const DecodeDoor&) = delete;

  // The engine's own.
  [[nodiscard]] static std::int32_t through(llama_context* context, llama_batch batch);
};

}  // namespace plimsoll::test
