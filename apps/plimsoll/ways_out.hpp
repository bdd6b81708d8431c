// WaysOut: for models that do not fit even alone, what would.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "host/fleet_plan.hpp"
#include "host/reload_report.hpp"

namespace plimsoll::app {

// Any thread.
class WaysOut {
 public:
  explicit WaysOut(const std::vector<host::NeverFits>& never);
  [[nodiscard]] std::vector<plan::Alternative> of(const std::string& model) const;
  void replace(const host::ReloadReport& report);  // of the models that are others by now

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<plan::Alternative>> by_model_;
};

}  // namespace plimsoll::app
