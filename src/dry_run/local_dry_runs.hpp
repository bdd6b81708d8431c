// LocalDryRuns: dry runs in this process, for callers that trust their files.
#pragma once
#include <memory>
#include <vector>

#include "dry_run/dry_run_source.hpp"

namespace plimsoll::dry_run {

// Starts the backends. One thread.
//
// The first question about a file reads all of it, vocabulary included, so that whatever the engine refuses is refused.
// Questions about the same file with other model parameters (the alternatives) are answered from its bare header,
// once that has been seen to give the same answer to the first question; else from the whole file again.
class LocalDryRuns final : public DryRunSource {
 public:
  LocalDryRuns();
  ~LocalDryRuns() override;
  [[nodiscard]] DryRun dry_run(const DryRunRequest& request) override;
  [[nodiscard]] std::vector<DeviceView> devices() override;

  // How many times a file was read with its vocabulary.
  [[nodiscard]] int whole_reads() const noexcept { return whole_reads_; }

 private:
  struct Subject;  // the file that was asked about last
  DryRun dry_run_whole(const DryRunRequest& request);

  std::unique_ptr<Subject> subject_;
  int whole_reads_ = 0;
};

}  // namespace plimsoll::dry_run
