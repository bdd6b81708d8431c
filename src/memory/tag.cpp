#include <plimsoll/memory/entry.hpp>

namespace plimsoll::memory {

std::string_view to_string(Stage stage) noexcept {
  switch (stage) {
    case Stage::weights:
      return "weights";
    case Stage::kv_cache:
      return "kv_cache";
    case Stage::compute:
      return "compute";
    case Stage::output:
      return "output";
    case Stage::adapter:
      return "adapter";
    case Stage::projector:
      return "projector";
    case Stage::runtime:
      return "runtime";
    case Stage::conversations:
      return "conversations";
    case Stage::bookkeeping:
      return "bookkeeping";
    case Stage::staging:
      return "staging";
  }
  return "runtime";
}

std::optional<Stage> stage_from_string(std::string_view text) noexcept {
  for (const Stage stage : kStages) {
    if (to_string(stage) == text) return stage;
  }
  return std::nullopt;
}

}  // namespace plimsoll::memory
