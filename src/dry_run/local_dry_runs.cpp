#include "dry_run/local_dry_runs.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "device/probe.hpp"
#include "device/registry.hpp"
#include "dry_run/dry_run.hpp"
#include "dry_run/dry_run_json.hpp"
#include "engine/backend.hpp"
#include "engine/bare_header.hpp"
#include "engine/file_identity.hpp"

namespace plimsoll::dry_run {

struct LocalDryRuns::Subject {
  std::string file;     // its engine::file_identity before it was read
  DryRunRequest asked;  // the first question about it, and its answer
  DryRun answer;
  std::unique_ptr<DryRunner> whole;
  std::unique_ptr<DryRunner> bare;
  std::optional<engine::BareHeader> header;
  bool tried = false;

  // Nothing: there is no bare header that gives the same answers.
  const engine::BareHeader* proven_header() {
    if (std::exchange(tried, true)) return header ? &*header : nullptr;
    try {
      header = engine::BareHeader::of(asked.model.path);
      if (header && to_json(DryRunner(asked.model, header->path()).dry_run(asked)) != to_json(answer)) header.reset();
    } catch (const Error& error) {
      log::debug("tracker", "no bare header of '{}': {}", asked.model.path, error.what());
      header.reset();
    }
    return header ? &*header : nullptr;
  }
};

LocalDryRuns::LocalDryRuns() = default;
LocalDryRuns::~LocalDryRuns() = default;

DryRun LocalDryRuns::dry_run(const DryRunRequest& request) {
  const bool same_file = subject_ && subject_->asked.model.path == request.model.path &&
                         subject_->asked.model.metadata_overrides == request.model.metadata_overrides &&
                         !subject_->file.empty() && subject_->file == engine::file_identity(request.model.path);
  if (!same_file) subject_.reset();
  if (!subject_) return dry_run_whole(request);
  Subject& subject = *subject_;
  if (subject.whole->params() == request.model) return subject.whole->dry_run(request);
  if (subject.bare && subject.bare->params() == request.model) return subject.bare->dry_run(request);
  const engine::BareHeader* header = subject.proven_header();
  if (header == nullptr) return dry_run_whole(request);
  subject.bare.reset();
  subject.bare = std::make_unique<DryRunner>(request.model, header->path());
  return subject.bare->dry_run(request);
}

DryRun LocalDryRuns::dry_run_whole(const DryRunRequest& request) {
  const bool no_header = subject_ != nullptr;  // asked for in vain before: not again
  subject_.reset();
  auto subject = std::make_unique<Subject>();
  subject->file = engine::file_identity(request.model.path);
  subject->asked = request;
  ++whole_reads_;
  subject->whole = std::make_unique<DryRunner>(request.model);
  subject->answer = subject->whole->dry_run(request);
  subject->tried = no_header;
  subject_ = std::move(subject);
  return subject_->answer;
}

std::vector<DeviceView> LocalDryRuns::devices() {
  engine::start_backends();
  const SystemClock clock;
  const auto probes = device::make_system_probes(clock);
  std::vector<DeviceView> views;
  for (device::DeviceInfo& info : device::list_devices()) {
    auto reading = probes->read(info);
    views.push_back({.info = std::move(info), .reading = reading.value_or(device::MemoryReading{})});
  }
  return views;
}

}  // namespace plimsoll::dry_run
