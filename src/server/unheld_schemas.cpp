#include "unheld_schemas.hpp"

#include <chrono>

#include "api/answer_check.hpp"
#include "base/log.hpp"

#include "text_job.hpp"

namespace plimsoll::server {
namespace {

using Kind = grammar::SchemaNote::Kind;

std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

}  // namespace

void UnheldSchemas::tell(const api::HeldForm& held, const std::string& path) {
  for (const grammar::SchemaNote& note : held.notes) {
    const bool unchecked = note.kind == Kind::unchecked;
    IgnoredFields& counted = unchecked ? unchecked_ : loosened_;
    if (counted.note({note.keyword}, now()).empty()) continue;
    log::info("server", "{} has a schema whose {} is {}, at {}: {}", path, note.keyword,
              unchecked ? "checked after the answer" : "not held", note.pointer, note.why);
  }
}

void UnheldSchemas::tell(const TextJob& job) {
  const auto verdict = job.usage().schema_check;
  if (!verdict) return;
  (void)checks_.note({to_word(verdict->kind)}, now());
  if (verdict->kind == api::SchemaVerdict::Kind::valid) return;
  if (models_.note({job.meta().model}, now()).empty()) return;
  log::warn("server", "an answer of '{}' {} its schema: {}", job.meta().model,
            verdict->kind == api::SchemaVerdict::Kind::invalid ? "breaks" : "could not be checked against",
            verdict->sentence);
}

std::string UnheldSchemas::to_prometheus() const {
  return unchecked_.to_prometheus() + loosened_.to_prometheus() + checks_.to_prometheus();
}

}  // namespace plimsoll::server
