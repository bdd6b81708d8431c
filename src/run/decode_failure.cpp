#include "run/decode_failure.hpp"

#include <fmt/format.h>

#include <utility>

#include <plimsoll/memory/refusal.hpp>
#include "run/instance.hpp"

namespace plimsoll::run {

Error decode_failure(engine::DecodeStatus status, const std::string& doing) {
  switch (status) {
    case engine::DecodeStatus::aborted:
      return {ErrorCode::cancelled, fmt::format("{} was cancelled", doing)};
    case engine::DecodeStatus::out_of_memory:
      return {ErrorCode::out_of_device_memory, fmt::format("{} was refused memory", doing)};
    case engine::DecodeStatus::no_kv_slot:
      return {ErrorCode::busy, fmt::format("{} failed: others fill the cache that the sequences share", doing)};
    case engine::DecodeStatus::ok:
    case engine::DecodeStatus::failed:
      break;
  }
  return {ErrorCode::engine_failed, fmt::format("{} failed: {}", doing, engine::to_string(status))};
}

void require_decoded(engine::DecodeStatus status, const std::string& doing) {
  if (status != engine::DecodeStatus::ok) throw decode_failure(status, doing);
}

void require_decoded(engine::DecodeStatus status, const std::string& doing, const Instance& instance) {
  if (status == engine::DecodeStatus::out_of_memory) {
    if (auto refusal = instance.last_refusal()) throw memory::Refused(std::move(*refusal), doing);
  }
  require_decoded(status, doing);
}

}  // namespace plimsoll::run
