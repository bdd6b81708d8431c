#include "dry_run/dry_run_process.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/child_process.hpp"
#include "base/error_names.hpp"
#include "base/log.hpp"
#include "device/rpc_servers.hpp"
#include "dry_run/dry_run_json.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "dry_run/remote_devices.hpp"
#include "engine/backend.hpp"
#include "engine/engine_process.hpp"

#include "kept_pages.hpp"

namespace plimsoll::dry_run {
namespace {

using Json = nlohmann::ordered_json;

Json error_json(ErrorCode code, const std::string& message, const Error::Numbers& numbers) {
  Json list = Json::array();
  for (const auto& [name, value] : numbers) list.push_back({name, value});
  return {{"error", {{"code", to_string(code)}, {"message", message}, {"numbers", list}}}};
}

[[noreturn]] void throw_error(const Json& error) {
  Error::Numbers numbers;
  for (const Json& pair : error.at("numbers")) numbers.emplace_back(pair.at(0), pair.at(1));
  throw Error(error_code_from(error.at("code").get<std::string>()), error.at("message").get<std::string>(),
              std::move(numbers));
}

// Beyond any dry run over a slow link: each is a few hundred questions of some hundred bytes.
constexpr std::chrono::minutes kMostTime{5};

// A question that takes longer is talked about.
constexpr std::chrono::seconds kLong{10};

constexpr const char* kDevices = "the devices";

// JSON has no word for NaN and infinity: the child would be asked for something else.
void require_numbers(const Json& value, const std::string& what, const std::string& about) {
  if (value.is_number_float() && !std::isfinite(value.get<double>()))
    throw Error(ErrorCode::usage, fmt::format("'{}': {} is no number to compute with, and stands among its {}", about,
                                              value.get<double>(), what));
  if (!value.is_structured()) return;
  for (const auto& [key, inner] : value.items()) require_numbers(inner, value.is_object() ? key : what, about);
}

// Every question needs the backends: the parent goes on meanwhile. What is wrong is said with the first answer.
void start_ahead() {
  try {
    engine::start_backends();
  } catch (const Error&) {
  }
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Json answer(DryRunSource& dry_runs, const KeptPages& kept, const Json& question) {
  try {
    if (question.contains("dry_run")) {
      return {{"dry_run", to_json(dry_runs.dry_run(dry_run_request_from_json(question.at("dry_run"))))}};
    }
    Json list = Json::array();
    // What a dry run took here, a card's context among it, is gone when memory is wanted: the child has ended by then.
    for (DeviceView& view : dry_runs.devices()) {
      view.reading = view.info.memory_is_hosts ? kept.without_them(std::move(view.reading))
                                               : device::without_our_use(std::move(view.reading));
      list.push_back(to_json(view));
    }
    return {{"devices", list}};
  } catch (const Error& error) {
    return error_json(error.code(), error.what(), error.numbers());
  } catch (const std::exception& error) {
    return error_json(ErrorCode::internal, error.what(), {});
  }
}

}  // namespace

int serve_dry_runs(int in, int out) {
  engine::prepare_engine_process(in);
  const KeptPages kept;
  LocalDryRuns dry_runs;
  std::string pending;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(in, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    pending.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      const std::string reply = answer(dry_runs, kept, Json::parse(pending.substr(0, end)))
                                    .dump(-1, ' ', false, Json::error_handler_t::replace) +
                                "\n";
      if (!write_all(out, reply)) return 1;
    }
  }
}

DryRunProcess::DryRunProcess(std::vector<std::string> helper) : helper_(std::move(helper)) {}
DryRunProcess::~DryRunProcess() = default;

void DryRunProcess::start() {
  if (child_) return;
  servers_ = device::rpc_servers();
  const auto use = remote_.is_well() ? device::RpcUse::while_asked : device::RpcUse::elsewhere;
  child_ = engine::start_engine_process(program(), [use](int in, int out) {
    device::set_rpc_use(use);
    start_ahead();
    return serve_dry_runs(in, out);
  });
}

std::vector<std::string> DryRunProcess::program() const {
  std::vector<std::string> out = helper_;
  if (!out.empty() && remote_.is_well()) out.append_range(device::rpc_arguments());
  return out;
}

void DryRunProcess::choose_remote_devices() {
  if (device::rpc_servers().empty()) return;
  const bool had_them = remote_.is_well();
  remote_ = RemoteDevices::of_process().greet();
  if (remote_.is_well() != had_them || servers_ != device::rpc_servers()) child_.reset();
}

void DryRunProcess::rest() { child_.reset(); }

void DryRunProcess::throw_why_it_ended(const std::string& about, bool was_too_late) {
  std::string cause = engine::why_engine_ended(*child_);
  if (cause.contains("cannot run the operation") && cause.contains("(cache_"))  // tests/dry_run/looking_vulkan_test.cpp
    cause +=
        ": one layer's part of the KV cache is more than that device computes with; a shorter context (-c), a "
        "smaller type (-ctk, -ctv) or the cache on the host (-nkvo) is less";
  child_.reset();
  if (was_too_late)
    throw Error(ErrorCode::io, fmt::format("{} did not answer within {} minutes what was asked about '{}'",
                                           device::rpc_arguments().back(), kMostTime.count(), about));
  if (cause.starts_with(device::kEndedByServer)) throw Error(ErrorCode::io, cause);
  if (const auto greeting = device::greet_all(); !greeting.is_well()) throw Error(ErrorCode::io, greeting.why);
  if (!asks_servers()) throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", about, cause));
  const std::string servers = device::rpc_arguments().back();
  if (about == kDevices)
    throw Error(ErrorCode::io, fmt::format("what listens at {} greets as ggml's RPC server, and then answers something "
                                           "else, or has ended meanwhile: {}",
                                           servers, cause));
  throw Error(ErrorCode::model_unusable,
              fmt::format("'{}' cannot be used: {} (it was asked with the devices of {}, which may be the reason)",
                          about, cause, servers));
}

bool DryRunProcess::asks_servers() const { return remote_.is_well() && !device::rpc_servers().empty(); }

// A server that greets and then falls silent would keep the child, and us, waiting.
Json DryRunProcess::ask(const Json& question, const std::string& about) {
  start();
  child_->write_line(question.dump());
  const auto asked = std::chrono::steady_clock::now();
  if (!child_->line_comes_before(asked + kLong))
    log::warn("plan", "the engine is still busy with what was asked about '{}' (a long context takes its time)", about);
  const bool is_too_late = asks_servers() && !child_->line_comes_before(asked + kMostTime);
  if (is_too_late) child_->kill();
  const auto line = child_->read_line();
  if (!line) throw_why_it_ended(about, is_too_late);
  Json reply = Json::parse(*line);
  if (reply.contains("error")) throw_error(reply.at("error"));
  return reply;
}

DryRun DryRunProcess::dry_run(const DryRunRequest& request) {
  choose_remote_devices();
  if (!remote_.is_well() && may_use_remote_device(request)) throw Error(ErrorCode::io, remote_.why);
  Json question = to_json(request);
  require_numbers(question, "parameters", request.model.path);
  return dry_run_from_json(ask({{"dry_run", std::move(question)}}, request.model.path).at("dry_run"));
}

std::vector<DeviceView> DryRunProcess::devices() {
  choose_remote_devices();
  std::vector<DeviceView> views;
  for (const Json& view : ask({{"devices", true}}, kDevices).at("devices"))
    views.push_back(device_view_from_json(view));
  RemoteDevices& remote = RemoteDevices::of_process();
  if (remote_.is_well())
    remote.remember(views);
  else
    views.append_range(remote.remembered());  // ggml has them last, too
  return views;
}

}  // namespace plimsoll::dry_run
