// decode_failure: what a decode that did not succeed is as an error. One place says which status is which code.
#pragma once
#include <string>

#include <plimsoll/base/error.hpp>
#include "engine/context.hpp"

namespace plimsoll::run {

class Instance;

// `doing`: "generating on 'a'". aborted: cancelled; out_of_memory: out_of_device_memory; no_kv_slot: busy, since what
// is too long for the cache as a whole is refused before, and what others fill comes free again; else engine_failed.
// Not for ok.
[[nodiscard]] Error decode_failure(engine::DecodeStatus status, const std::string& doing);

// Throws that, unless it is ok; memory::Refused where `instance` knows who refused the memory.
void require_decoded(engine::DecodeStatus status, const std::string& doing);
void require_decoded(engine::DecodeStatus status, const std::string& doing, const Instance& instance);

}  // namespace plimsoll::run
