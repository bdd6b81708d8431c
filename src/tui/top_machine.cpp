#include "top_machine.hpp"

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "monitor/machine_report.hpp"

namespace plimsoll::tui {
namespace {

using namespace ftxui;

constexpr int kPid = 8;
constexpr int kName = 22;
constexpr int kState = 8;
constexpr int kIdle = 8;
constexpr int kAmount = 12;

Element column(const std::string& value, int width) { return text(value) | size(WIDTH, EQUAL, width); }

struct Row {
  std::string pid{};
  std::string name{};
  std::string state{};
  std::string idle{};
  std::string reserved{};
  std::string taken{};
  std::string memory{};
};

Element element(const Row& row) {
  return hbox(column(fmt::format("{:>{}} ", row.pid, kPid - 1), kPid), column(row.name, kName), text(" "),
              column(row.state, kState), column(fmt::format("{:>{}}", row.idle, kIdle), kIdle),
              column(fmt::format("{:>{}}", row.reserved, kAmount), kAmount),
              column(fmt::format("{:>{}}", row.taken, kAmount), kAmount), text("  "), text(row.memory) | flex_shrink);
}

void add_process(std::vector<Row>& rows, const broker::ShownProcess& process) {
  Row first{.pid = std::to_string(process.pid) + (process.same_pids ? "" : "*"),
            .name = as_utf8(process.program),
            .state = process.is_alive ? "" : "dead"};
  bool has_row = false;
  for (const broker::ShownAccount& account : process.accounts) {
    if (account.reserved == Bytes{} && account.taken == Bytes{}) continue;
    Row row = has_row ? Row{} : first;
    row.reserved = format_bytes(account.reserved);
    row.taken = format_bytes(account.taken);
    row.memory = monitor::described(account.memory);
    rows.push_back(std::move(row));
    has_row = true;
  }
  if (!has_row) rows.push_back(std::move(first));
}

void add_models(std::vector<Row>& rows, const broker::ShownProcess& process, broker::BootTime now) {
  for (const broker::ShownModel& model : process.models) {
    bool has_row = false;
    for (const broker::ShownPart& part : model.parts) {
      if (part.account >= process.accounts.size()) continue;
      Row row{.reserved = format_bytes(part.reserved),
              .taken = format_bytes(part.taken),
              .memory = monitor::described(process.accounts[part.account].memory)};
      if (!has_row) {
        row.name = "  " + as_utf8(model.name);
        if (model.process != 0) row.pid = std::to_string(model.process);
        if (model.restarts > 0) row.memory += fmt::format(", restarted {} times", model.restarts);
        if (model.work != broker::Work::none) row.state = to_string(model.work);
        if (model.work == broker::Work::ready) row.idle = monitor::idle_in_words(model, now);
      }
      rows.push_back(std::move(row));
      has_row = true;
    }
  }
  if (process.models_left_out > 0) rows.push_back({.name = fmt::format("  and {} more", process.models_left_out)});
}

}  // namespace

Element machine_header() {
  return element({.pid = "pid",
                  .name = "program, models",
                  .state = "state",
                  .idle = "idle",
                  .reserved = "reserved",
                  .taken = "taken",
                  .memory = "memory"}) |
         underlined;
}

Elements machine_rows(const MachineView& machine, int room) {
  if (!machine.why_off.empty()) return {text("  this process stands in no ledger: " + machine.why_off)};
  std::vector<Row> rows;
  for (const broker::ShownProcess& process : machine.picture.processes) {
    add_process(rows, process);
    add_models(rows, process, machine.now);
  }
  if (machine.picture.damaged > 0) rows.push_back({.name = fmt::format("{} damaged entries", machine.picture.damaged)});
  const std::size_t most = static_cast<std::size_t>(std::max(1, room));
  const bool is_cut = rows.size() > most;
  const std::size_t shown = is_cut ? most - 1 : rows.size();
  Elements out;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool is_model = rows[i].pid.empty() && !rows[i].name.empty();
    out.push_back(is_model ? element(rows[i]) | dim : element(rows[i]));
  }
  if (is_cut) out.push_back(text(fmt::format("  … {} more rows: plimsoll ps shows all", rows.size() - shown)));
  return out;
}

}  // namespace plimsoll::tui
