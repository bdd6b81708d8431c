#include "ledger_entries.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "tracker/scope.hpp"

namespace plimsoll::test {

std::vector<dry_run::BufferEntry> Accounting::entries() const {
  std::vector<dry_run::BufferEntry> entries;
  for (const memory::Entry& entry : ledger_.entries()) {
    if (entry.taken.current == Bytes{}) continue;
    entries.push_back({.device = entry.tag.device,
                       .buffer = entry.tag.buffer,
                       .stage = entry.tag.stage,
                       .bytes = entry.taken.current,
                       .charged = entry.charged});
  }
  std::ranges::sort(
      entries, {}, [](const dry_run::BufferEntry& entry) { return std::tie(entry.device, entry.buffer, entry.stage); });
  return entries;
}

std::shared_ptr<engine::Model> load_charged(const engine::ModelParams& params, const std::string& owner) {
  const tracker::Scope scope(owner, tracker::Phase::load);
  return engine::Model::load(params);
}

std::unique_ptr<engine::Context> create_charged(const std::shared_ptr<engine::Model>& model,
                                                const engine::ContextParams& params, const std::string& owner) {
  const tracker::Scope scope(owner, tracker::Phase::context);
  return engine::Context::create(model, params);
}

std::string to_text(const std::vector<dry_run::BufferEntry>& entries) {
  std::string text;
  for (const dry_run::BufferEntry& entry : entries) {
    text += fmt::format("{} {} {} {}{}\n", entry.device.name(), entry.buffer, memory::to_string(entry.stage),
                        entry.bytes.value(), entry.charged ? "" : " (page cache)");
  }
  return text;
}

}  // namespace plimsoll::test
