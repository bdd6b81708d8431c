// MemoryGroup: a cgroup (version 2) of its own for the process of a model, in which the system holds it to a limit of
// host memory. What watching alone does is late where a process takes faster than is looked.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::worker {

class MemoryGroup {
 public:
  // Where groups may be made: beside this process's own, where the one above both was delegated to this program
  // (systemd's Delegate= with DelegateSubgroup=) and can limit memory. Empty: nowhere.
  [[nodiscard]] static std::optional<std::filesystem::path> place();
  // The group above the own one in that hierarchy. Empty: it is none of version 2, or there is none above.
  [[nodiscard]] static std::optional<std::filesystem::path> above_own(const std::filesystem::path& proc,
                                                                      const std::filesystem::path& hierarchy);

  // Null where the system does not let it be made.
  [[nodiscard]] static std::unique_ptr<MemoryGroup> create(const std::filesystem::path& place, const std::string& name);
  ~MemoryGroup();  // whose process has been waited for
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  [[nodiscard]] bool add(pid_t process) const;  // what it has taken before counts elsewhere
  // Page cache counts as well, and leaves where it is short.
  [[nodiscard]] bool limit(Bytes most) const;
  [[nodiscard]] bool has_ended_one() const;  // the system has, because of the limit

 private:
  explicit MemoryGroup(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;
};

}  // namespace plimsoll::worker
