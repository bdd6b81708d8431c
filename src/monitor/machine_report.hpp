// machine_report: the machine's ledger for people, and for programs. Pure.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "broker/picture.hpp"

namespace plimsoll::monitor {

// A row for each process and memory, below it one for each of its models. `now`: for how long a model has been idle.
[[nodiscard]] std::string to_table(const broker::Picture& picture, broker::BootTime now);

// plimsoll.machine/1: docs/command-line.md#ps. Bytes are integers; unknown is null.
[[nodiscard]] nlohmann::ordered_json to_json(const broker::Picture& picture, broker::BootTime now);

// Families of metrics beside those of a host. One process of the machine says enough: of several servers, one has to be
// asked.
[[nodiscard]] std::string to_prometheus(const broker::Picture& picture, broker::BootTime now);

// For how long a ready model has been idle: "7 s", "3 min", "2 h".
[[nodiscard]] std::string idle_in_words(const broker::ShownModel& model, broker::BootTime now);
// "host", "0000:c1:00.0 NVIDIA H200": what a memory is called for people.
[[nodiscard]] std::string described(const broker::MemoryKey& memory);
// "0000:c1:00.0", "host": what a memory is called whatever backend offers it.
[[nodiscard]] std::string name_of(const broker::MemoryKey& memory);

}  // namespace plimsoll::monitor
