// ModelFiles: whether the files of a fleet's models are still those that were planned.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "host/fleet.hpp"

namespace plimsoll::host {

// What the files of that model or draft are now: engine::file_identity of each, and what is said in the place of their
// metadata. One that is missing is an identity like another.
[[nodiscard]] std::string identity_of(const dry_run::DryRunRequest& request);
// The same of files that were looked at before: dry_run::files_of.
[[nodiscard]] std::string identity_of(const dry_run::DryRunRequest& request, std::string files);

// Any thread. Made before the fleet is planned: what is there then is taken for what was planned, unless
// were_planned() tells better. A name that is not known has no files.
class ModelFiles {
 public:
  explicit ModelFiles(const Fleet& fleet);

  // With files that each plan names (plan::ModelPlan::files), maybe long ago; those without a plan were tried with
  // them.
  void were_planned(const std::vector<plan::ModelPlan>& plans);

  // Of one model or draft: its files are those of its plan.
  [[nodiscard]] bool are_as_planned(const std::string& name) const { return identity_if_planned(name).has_value(); }
  // Of one model or draft: what its files are, where they are those of its plan; else empty.
  [[nodiscard]] std::optional<std::string> identity_if_planned(const std::string& name) const;
  // Of one model or draft: what its files are now. For set_planned(), read before they are planned.
  [[nodiscard]] std::string identity_now(const std::string& name) const;
  void set_planned(const std::string& name, std::string identity);

  // Of a model and its draft: they are about to be tried; and they have changed since they last were.
  void note_tried(const std::string& model);
  [[nodiscard]] bool have_changed_since_tried(const std::string& model) const;

  // Another model or draft under that name, which was planned with these files; empty: it could not be planned.
  void declare(const plan::Request& request, std::optional<std::string> planned);
  void set_drafts(std::map<std::string, std::string> drafts);
  void forget(const std::string& name);

 private:
  [[nodiscard]] std::string identity_of_all(const std::string& model) const;
  mutable Mutex mutex_;  // not held while files are looked at
  std::map<std::string, dry_run::DryRunRequest> requests_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> drafts_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> planned_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> tried_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::host
