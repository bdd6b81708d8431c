// The ledger as a value, for who only looks.
#include <algorithm>

#include "broker/machine_ledger.hpp"

#include "judging.hpp"
#include "ledger_file.hpp"
#include "machine_ledger_impl.hpp"
#include "process_identity.hpp"

namespace plimsoll::broker {
ShownModel shown(const ModelRecord& record) {
  ShownModel out{.name = text_of(record.name),
                 .work = static_cast<Work>(std::min<std::uint8_t>(record.work, static_cast<std::uint8_t>(Work::none))),
                 .can_go = record.can_go != 0,
                 .priority = record.priority,
                 .idle_since = BootTime(record.idle_since_ms),
                 .reload_time = std::chrono::milliseconds(record.reload_ms),
                 .process = record.process,
                 .restarts = record.restarts};
  for (std::size_t i = 0; i < std::min<std::size_t>(record.parts, kParts); ++i)
    out.parts.push_back({.account = record.part[i].account,
                         .reserved = Bytes{record.part[i].reserved},
                         .taken = Bytes{record.part[i].taken},
                         .comes_back = Bytes{record.part[i].comes_back}});
  return out;
}

namespace {

void add_models(ShownProcess& process, const LedgerFile& file, std::size_t slot, const Identity& identity) {
  const auto models = file.read<Models>(slot);
  if (!models || models->incarnation != identity.incarnation) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(models->count, kModels); ++i)
    process.models.push_back(shown(models->models[i]));
  process.models_left_out = models->left_out;
}

bool is_alive(const LedgerFile& file, std::size_t slot, const Identity& identity, std::uint64_t own_namespace) {
  const ProcessIdentity process{.pid = static_cast<pid_t>(identity.pid),
                                .start_ticks = identity.start_ticks,
                                .pid_namespace = identity.pid_namespace};
  return file.is_locked_by_another(slot) && fate_of(process, own_namespace) != Fate::gone;
}

// Empty: nobody stands there.
std::optional<ShownProcess> process_at(const LedgerFile& file, std::size_t slot, std::uint64_t own_namespace,
                                       std::size_t& damaged) {
  const auto identity = file.read<Identity>(slot);
  const auto numbers = file.read<Numbers>(slot);
  if (!identity || !numbers || identity->incarnation != numbers->incarnation) {
    if (file.is_locked_by_another(slot)) ++damaged;
    return std::nullopt;
  }
  ShownProcess out{.pid = static_cast<pid_t>(identity->pid),
                   .same_pids = identity->pid_namespace == own_namespace,
                   .program = text_of(identity->program),
                   .joined = BootTime(identity->joined_ms),
                   .is_alive = numbers->died_ms == 0 && is_alive(file, slot, *identity, own_namespace)};
  bool holds_something = false;
  for (std::size_t i = 0; i < std::min<std::size_t>(numbers->count, kAccounts); ++i) {
    const Number& number = numbers->accounts[i];
    out.accounts.push_back({.memory = key_of(identity->accounts[i]),
                            .reserved = Bytes{out.is_alive ? number.reserved : 0},
                            .taken = Bytes{taken(number)}});
    holds_something = holds_something || taken(number) > 0;
  }
  if (!out.is_alive && !holds_something) return std::nullopt;
  if (out.is_alive) add_models(out, file, slot, *identity);
  return out;
}

}  // namespace

std::expected<Picture, std::string> picture_of_machine(const std::string& asked) {
  const std::vector<Location> places = locations(asked.empty() ? asked_by_environment() : asked);
  if (places.empty()) return std::unexpected("the machine's ledger is turned off (PLIMSOLL_BROKER=off)");
  std::string why;
  for (const Location& place : places) {
    const auto file = LedgerFile::open(place, LedgerFile::For::looking);
    if (!file) {
      if (why.empty() && LedgerFile::is_there(place)) why = file.error();
      continue;
    }
    Picture out{.path = place.path};
    const LedgerFile::Index index = file->index();
    const std::uint64_t own_namespace = this_process().pid_namespace;
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      if (index.active[slot] == 0) continue;
      if (auto process = process_at(*file, slot, own_namespace, out.damaged))
        out.processes.push_back(std::move(*process));
    }
    std::ranges::stable_sort(out.processes, {}, &ShownProcess::joined);
    return out;
  }
  if (!why.empty()) return std::unexpected(std::move(why));
  return Picture{};
}

}  // namespace plimsoll::broker
