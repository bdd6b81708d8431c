// DryRunProcess: dry runs in a child process, so that a file which makes the engine end its process ends only the
// child.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "device/rpc_greeting.hpp"
#include "dry_run/dry_run_source.hpp"

namespace plimsoll {
class ChildProcess;
}

namespace plimsoll::dry_run {

// In a child, started at the first question and kept for the next. One thread.
//
// Where this process has not started the backends and has one thread only, the child is a plain fork, which is the
// cheapest: only one of the two starts the backends. Otherwise `helper` is run (the plimsoll program does it with
// `plimsoll dry-run-worker`); without one that is Error{unsupported}.
//
// Devices of RPC servers are asked in the child alone, and only while their servers would answer: see RemoteDevices.
// Where they would not, Error{io} for what has to be asked of them.
class DryRunProcess final : public DryRunSource {
 public:
  explicit DryRunProcess(std::vector<std::string> helper = {});
  ~DryRunProcess() override;  // ends the child at once

  // Starts the child before the first question, so that its backends come up while this process does something else.
  // Throws Error{unsupported} as above, Error{io}.
  void start();
  // Throws what the dry run threw; Error{model_unusable} with the engine's last words where it ended the child.
  [[nodiscard]] DryRun dry_run(const DryRunRequest& request) override;
  [[nodiscard]] std::vector<DeviceView> devices() override;
  // Ends the child, and with it the device contexts that a dry run made. The next question starts another, as the first
  // did: with the helper, where this process has threads or backends by then.
  void rest() override;
  [[nodiscard]] bool resting() const noexcept { return child_ == nullptr; }

 private:
  nlohmann::ordered_json ask(const nlohmann::ordered_json& question, const std::string& about);
  // Whether the child has remote devices; it is another child where that changes.
  void choose_remote_devices();
  [[nodiscard]] bool asks_servers() const;  // the child does
  [[nodiscard]] std::vector<std::string> program() const;
  [[noreturn]] void throw_why_it_ended(const std::string& about, bool was_too_late);
  std::vector<std::string> helper_;
  std::vector<device::RpcAddress> servers_;  // that the child knows; it may have been started before they were known
  device::RpcGreeting remote_{.answer = device::RpcAnswer::greets, .why = {}};  // well: the child has remote devices
  std::unique_ptr<ChildProcess> child_;
};

// What the child does, a process of its own (engine::prepare_engine_process): answers questions, one JSON line each,
// until `in` ends. Returns an exit status.
int serve_dry_runs(int in, int out);

}  // namespace plimsoll::dry_run
