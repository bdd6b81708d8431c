// Scope: says, for this thread, whose memory is being allocated now and what the engine is doing.
#pragma once
#include <string>

namespace plimsoll::gauge {

enum class Phase {
  none,     // nobody said
  load,     // weights
  context,  // KV cache, compute and output buffers
  adapter,
  projector,  // weights and compute buffers of what sees and hears
  decode,     // nothing should be allocated any more
};

// Nests; the innermost one counts. Lives on one thread.
class Scope {
 public:
  Scope(std::string owner, Phase phase);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  struct Current {
    std::string owner;  // empty: nobody
    Phase phase = Phase::none;
  };
  [[nodiscard]] static const Current& current() noexcept;

 private:
  Current previous_;
};

}  // namespace plimsoll::gauge
