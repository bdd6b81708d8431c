#include "ledger_lines.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include <plimsoll/tracker/scope.hpp>

namespace plimsoll::test {

std::vector<tracker::BufferLine> Accounting::lines() const {
  std::vector<tracker::BufferLine> lines;
  for (const memory::Entry& entry : ledger_.entries()) {
    if (entry.taken.current == Bytes{}) continue;
    lines.push_back({.device = entry.tag.device,
                     .buffer = entry.tag.buffer,
                     .stage = entry.tag.stage,
                     .bytes = entry.taken.current,
                     .charged = entry.charged});
  }
  std::ranges::sort(lines, {},
                    [](const tracker::BufferLine& line) { return std::tie(line.device, line.buffer, line.stage); });
  return lines;
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

std::string to_text(const std::vector<tracker::BufferLine>& lines) {
  std::string text;
  for (const tracker::BufferLine& line : lines) {
    text += fmt::format("{} {} {} {}{}\n", line.device.name(), line.buffer, memory::to_string(line.stage),
                        line.bytes.value(), line.charged ? "" : " (page cache)");
  }
  return text;
}

}  // namespace plimsoll::test
