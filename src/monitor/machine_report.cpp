#include "monitor/machine_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "monitor/exposition.hpp"

namespace plimsoll::monitor {
namespace {

using Json = nlohmann::ordered_json;

// A clock that lies ahead is damage: it has been idle for no time.
std::chrono::milliseconds idle_for(const broker::ShownModel& model, broker::BootTime now) {
  return std::max(now - model.idle_since, std::chrono::milliseconds(0));
}

std::string in_words(std::chrono::milliseconds time) {
  const auto seconds = time.count() / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

std::string row(const std::string& pid, const std::string& program, const std::string& model, const std::string& state,
                const std::string& idle, Bytes reserved, Bytes taken, const std::string& memory) {
  return fmt::format("{:>8}  {:<18} {:<24} {:<8} {:>8} {:>11} {:>11}  {}\n", pid, program, model, state, idle,
                     format_bytes(reserved), format_bytes(taken), memory);
}

std::string memory_of(const broker::ShownProcess& process, const broker::ShownPart& part) {
  return part.account < process.accounts.size() ? described(process.accounts[part.account].memory) : "?";
}

std::string restarts_in_words(const broker::ShownModel& model) {
  return model.restarts == 0 ? "" : fmt::format(", restarted {} times", model.restarts);
}

void add_process(std::string& out, const broker::ShownProcess& process, broker::BootTime now) {
  const std::string pid = std::to_string(process.pid) + (process.same_pids ? "" : "*");
  const std::string state = process.is_alive ? "" : "dead";
  bool is_first = true;
  const auto add = [&](Bytes reserved, Bytes taken, const std::string& memory) {
    out += row(is_first ? pid : "", is_first ? process.program : "", "", is_first ? state : "", "", reserved, taken,
               memory);
    is_first = false;
  };
  for (const broker::ShownAccount& account : process.accounts) {
    if (account.reserved > Bytes{} || account.taken > Bytes{})
      add(account.reserved, account.taken, described(account.memory));
  }
  if (is_first) add(Bytes{}, Bytes{}, "");
  for (const broker::ShownModel& model : process.models) {
    const bool is_idle = model.work == broker::Work::ready;
    const std::string work = model.work == broker::Work::none ? "" : std::string(to_string(model.work));
    bool names_it = true;
    for (const broker::ShownPart& part : model.parts) {
      const std::string own_pid = model.process == 0 ? "" : std::to_string(model.process);
      out += row(names_it ? own_pid : "", "", names_it ? model.name : "", names_it ? work : "",
                 names_it && is_idle ? idle_in_words(model, now) : "", part.reserved, part.taken,
                 memory_of(process, part) + (names_it ? restarts_in_words(model) : ""));
      names_it = false;
    }
  }
  if (process.models_left_out > 0) out += fmt::format("{:>30}and {} more\n", "", process.models_left_out);
}

Json memory_json(const broker::MemoryKey& memory) {
  Json json{{"memory", name_of(memory)}, {"device", as_utf8(memory.name)}};
  if (!memory.uuid.empty()) json["uuid"] = as_utf8(memory.uuid);
  return json;
}

Json with_amounts(Json json, Bytes reserved, Bytes taken) {
  json["reserved"] = reserved.value();
  json["taken"] = taken.value();
  return json;
}

Json model_json(const broker::ShownProcess& process, const broker::ShownModel& model, broker::BootTime now) {
  Json parts = Json::array();
  for (const broker::ShownPart& part : model.parts) {
    if (part.account >= process.accounts.size()) continue;
    parts.push_back(
        with_amounts({{"memory", name_of(process.accounts[part.account].memory)}}, part.reserved, part.taken));
  }
  const bool is_idle = model.work == broker::Work::ready;
  return {{"name", as_utf8(model.name)},
          {"state", to_string(model.work)},
          {"may_go", model.can_go},
          {"priority", model.priority},
          {"idle_ms", is_idle ? Json(idle_for(model, now).count()) : Json(nullptr)},
          {"reload_ms", model.reload_time.count()},
          {"process", model.process == 0 ? Json(nullptr) : Json(model.process)},
          {"restarts", model.restarts},
          {"memories", std::move(parts)}};
}

Json process_json(const broker::ShownProcess& process, broker::BootTime now) {
  Json accounts = Json::array();
  for (const broker::ShownAccount& account : process.accounts)
    accounts.push_back(with_amounts(memory_json(account.memory), account.reserved, account.taken));
  Json models = Json::array();
  for (const broker::ShownModel& model : process.models) models.push_back(model_json(process, model, now));
  return {{"pid", process.pid},
          {"pid_is_of_another_namespace", !process.same_pids},
          {"program", as_utf8(process.program)},
          {"alive", process.is_alive},
          {"age_ms", std::max(now - process.joined, broker::BootTime(0)).count()},
          {"memories", std::move(accounts)},
          {"models", std::move(models)},
          {"models_left_out", process.models_left_out}};
}

void add_models(Exposition& out, const broker::Picture& picture, broker::BootTime now) {
  const auto add = [&](const char* name, const char* help, Bytes broker::ShownPart::* amount) {
    out.family(name, "gauge", help);
    for (const broker::ShownProcess& process : picture.processes) {
      for (const broker::ShownModel& model : process.models) {
        for (const broker::ShownPart& part : model.parts) {
          if (part.account >= process.accounts.size()) continue;
          out.add({{"memory", name_of(process.accounts[part.account].memory)},
                   {"model", as_utf8(model.name)},
                   {"pid", std::to_string(process.pid)},
                   {"program", as_utf8(process.program)}},
                  (part.*amount).value());
        }
      }
    }
  };
  add("plimsoll_machine_model_reserved_bytes",
      "Memory that a model of a Plimsoll process of this machine has reserved.", &broker::ShownPart::reserved);
  add("plimsoll_machine_model_taken_bytes", "Memory that a model of a Plimsoll process of this machine has taken.",
      &broker::ShownPart::taken);
  out.family("plimsoll_machine_model_idle_seconds", "gauge",
             "For how long a model of a Plimsoll process of this machine has been ready and unused.");
  for (const broker::ShownProcess& process : picture.processes) {
    for (const broker::ShownModel& model : process.models) {
      if (model.work != broker::Work::ready) continue;
      out.add(
          {{"model", as_utf8(model.name)}, {"pid", std::to_string(process.pid)}, {"program", as_utf8(process.program)}},
          static_cast<double>(idle_for(model, now).count()) / 1000);
    }
  }
}

}  // namespace

std::string to_prometheus(const broker::Picture& picture, broker::BootTime now) {
  Exposition out;
  out.family("plimsoll_machine_processes", "gauge", "Plimsoll processes of this machine that share a ledger.");
  if (!picture.path.empty()) out.add({}, picture.processes.size());
  const auto add = [&](const char* name, const char* help, Bytes broker::ShownAccount::* amount) {
    out.family(name, "gauge", help);
    for (const broker::ShownProcess& process : picture.processes) {
      const std::string pid = std::to_string(process.pid);
      const std::string program = as_utf8(process.program);
      for (const broker::ShownAccount& account : process.accounts)
        out.add({{"memory", name_of(account.memory)}, {"pid", pid}, {"program", program}}, (account.*amount).value());
    }
  };
  add("plimsoll_machine_reserved_bytes", "Memory that a Plimsoll process of this machine has reserved, taken or not.",
      &broker::ShownAccount::reserved);
  add("plimsoll_machine_taken_bytes", "Memory that a Plimsoll process of this machine has taken.",
      &broker::ShownAccount::taken);
  add_models(out, picture, now);
  return out.text();
}

std::string idle_in_words(const broker::ShownModel& model, broker::BootTime now) {
  return in_words(idle_for(model, now));
}

// Without the number that a card has in one process.
std::string described(const broker::MemoryKey& memory) {
  const std::string name = name_of(memory);
  if (memory.pci.empty() && memory.uuid.empty()) return name;
  const std::size_t space = memory.name.find(' ');
  return space == std::string::npos ? name : name + as_utf8(memory.name.substr(space));
}

std::string name_of(const broker::MemoryKey& memory) {
  if (!memory.pci.empty()) return as_utf8(memory.pci);
  return as_utf8(memory.uuid.empty() ? memory.name : memory.uuid);
}

std::string to_table(const broker::Picture& picture, broker::BootTime now) {
  if (picture.processes.empty() && picture.damaged == 0) return "no process stands in the machine's ledger\n";
  std::string out = fmt::format("{:>8}  {:<18} {:<24} {:<8} {:>8} {:>11} {:>11}  {}\n", "pid", "program", "model",
                                "state", "idle", "reserved", "taken", "memory");
  for (const broker::ShownProcess& process : picture.processes) add_process(out, process, now);
  if (picture.damaged > 0)
    out +=
        fmt::format("{} entries are damaged; their processes mend them with their next reservation\n", picture.damaged);
  if (std::ranges::any_of(picture.processes, [](const auto& process) { return !process.same_pids; }))
    out += "*: as it is called in its own pid namespace (a container)\n";
  return out;
}

Json to_json(const broker::Picture& picture, broker::BootTime now) {
  Json processes = Json::array();
  for (const broker::ShownProcess& process : picture.processes) processes.push_back(process_json(process, now));
  return {{"schema", "plimsoll.machine/1"},
          {"ledger", picture.path.empty() ? Json(nullptr) : Json(as_utf8(picture.path))},
          {"processes", std::move(processes)},
          {"damaged", picture.damaged}};
}

}  // namespace plimsoll::monitor
