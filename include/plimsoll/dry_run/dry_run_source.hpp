// DryRunSource: anything that can answer what a configuration takes. Plans are made of its answers.
#pragma once
#include <vector>

#include <plimsoll/dry_run/dry_run.hpp>
#include <plimsoll/dry_run/dry_run_json.hpp>

namespace plimsoll::dry_run {

class DryRunSource {
 public:
  virtual ~DryRunSource() = default;
  [[nodiscard]] virtual DryRun dry_run(const DryRunRequest& request) = 0;
  [[nodiscard]] virtual std::vector<DeviceView> devices() = 0;
  // No question is expected soon: what answering holds on devices is given back. The next question may take longer.
  virtual void rest() {}
};

// Whether there was an answer or not, it rests when this ends.
class RestAfterwards {
 public:
  explicit RestAfterwards(DryRunSource& dry_runs) noexcept : dry_runs_(dry_runs) {}
  ~RestAfterwards() { dry_runs_.rest(); }
  RestAfterwards(const RestAfterwards&) = delete;
  RestAfterwards& operator=(const RestAfterwards&) = delete;

 private:
  DryRunSource& dry_runs_;
};

}  // namespace plimsoll::dry_run
