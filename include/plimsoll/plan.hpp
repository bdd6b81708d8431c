// Plan: what models would take, entry by entry, and whether the devices can hold it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/plan/entry.hpp>

namespace plimsoll {

namespace plan {
struct Plan;
}

struct PlannedModel {
  std::string name;
  std::vector<plan::Entry> entries;
};

struct PlannedDevice {
  std::string device;
  Bytes required;                 // by the charged entries of all models
  std::optional<Bytes> budget{};  // empty: none
  std::optional<Bytes> free{};    // less what other processes are promised; empty: the device does not say
  Bytes short_by;                 // 0: it fits
};

// A configuration near the one asked for that would fit, as a dry run of it says.
struct Alternative {
  std::vector<std::string> flags;                              // of the command line: {"--ctx-size", "2048"}
  std::vector<std::pair<std::string, std::string>> changes{};  // parameter and its new value: {"n_ctx", "2048"}
  std::string cost;                                            // what it gives up, in words
  std::vector<std::pair<std::string, Bytes>> required{};       // by device
};

// A value; copies share it. Any thread. Moved from, it throws Error{usage}.
class Plan {
 public:
  explicit Plan(plan::Plan plan);

  [[nodiscard]] bool fits() const;
  // What opening it would throw: over_budget or out_of_device_memory, and what would fit; empty where it fits.
  [[nodiscard]] std::optional<Error> refusal() const;
  [[nodiscard]] std::vector<PlannedModel> models() const;
  [[nodiscard]] std::vector<PlannedDevice> devices() const;
  [[nodiscard]] std::vector<Alternative> alternatives() const;  // nearest first, at most three; none where it fits
  [[nodiscard]] std::vector<std::string> explanation() const;   // how each number came about
  [[nodiscard]] std::string table() const;                      // for people
  [[nodiscard]] std::string json() const;  // schema "plimsoll.plan/1", as the command line's --json

 private:
  [[nodiscard]] const plan::Plan& plan() const;
  std::shared_ptr<const plan::Plan> plan_;
};

}  // namespace plimsoll
