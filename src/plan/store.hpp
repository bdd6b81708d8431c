// Store: what earlier runs learned, in one SQLite file: dry runs already made, and runtime memory already measured.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dry_run/dry_run.hpp"
#include "dry_run/dry_run_source.hpp"
#include "plan/measurement.hpp"
#include "plan/plan.hpp"

namespace plimsoll::plan {

// The device, its driver and the engine's build, as every key of a measurement begins.
[[nodiscard]] std::string device_key(const dry_run::DeviceView& device);

// What makes two runtime measurements the same question: device and driver, engine build, model shape, configuration;
// and how large its weights there are, since each type of weights has kernels of its own.
[[nodiscard]] std::string runtime_key(const dry_run::DeviceView& device, const dry_run::DryRun& dry_run);

// Several processes may use one file at once. A file that cannot be written or read is no reason to fail: the store
// then remembers nothing and says so once in the log. One thread per object.
class Store {
 public:
  // `path` empty: $XDG_CACHE_HOME/plimsoll/plimsoll.db, or ~/.cache/... The folder is made where it is missing.
  explicit Store(const std::string& path = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] bool usable() const noexcept { return database_ != nullptr; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // A dry run made earlier of the same files with the same parameters and engine, on the same devices: `devices` are
  // those it was made on, for the caller to compare with those that are there now. `files`: dry_run::files_of the
  // request, read before the dry run was made.
  struct Remembered {
    dry_run::DryRun dry_run;
    std::vector<std::string> devices;
  };
  [[nodiscard]] std::optional<Remembered> find_dry_run(const dry_run::DryRunRequest& request, const std::string& files);
  void keep_dry_run(const dry_run::DryRunRequest& request, const std::string& files, const dry_run::DryRun& dry_run,
                    const std::vector<std::string>& devices);

  // What the measurements come to (figure_of).
  [[nodiscard]] std::optional<Bytes> find_runtime(const std::string& key);
  // The latest ones, oldest first; kMeasurementsKept of them at most.
  [[nodiscard]] std::vector<Measurement> measurements(const std::string& key);
  void keep_runtime(const std::string& key, PipelineCache cache, Bytes bytes);

  void forget_everything();
  // What was measured on a device of that name. Answers how many measurements that were.
  std::size_t forget_device(const std::string& name);
  // The dry runs of the model of that file, or of the name that a file without its ending has, and what was measured
  // with models of its shape, on every device. Answers how many dry runs and measurements that were.
  std::size_t forget_model(const std::string& file);

 private:
  void open();
  void give_up(const char* why);
  void lay_out();
  std::size_t forget_measurements(const std::string& condition, const std::string& text);
  std::string path_;
  void* database_ = nullptr;  // sqlite3*
};

// The folder of a user's Plimsoll cache. Not created.
[[nodiscard]] std::string cache_folder();

}  // namespace plimsoll::plan
