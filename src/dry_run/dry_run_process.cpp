#include "dry_run/dry_run_process.hpp"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/error_names.hpp"
#include "dry_run/dry_run_json.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/backend.hpp"
#include "engine/engine_process.hpp"

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

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Json answer(DryRunSource& dry_runs, const Json& question) {
  try {
    if (question.contains("dry_run")) {
      return {{"dry_run", to_json(dry_runs.dry_run(dry_run_request_from_json(question.at("dry_run"))))}};
    }
    Json list = Json::array();
    // A card's context that a dry run made here is gone when its memory is wanted: the child has ended by then.
    for (DeviceView& view : dry_runs.devices()) {
      if (!view.info.memory_is_hosts) view.reading = device::without_our_use(std::move(view.reading));
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
  LocalDryRuns dry_runs;
  std::string pending;
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(in, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    pending.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      const std::string reply =
          answer(dry_runs, Json::parse(pending.substr(0, end))).dump(-1, ' ', false, Json::error_handler_t::replace) +
          "\n";
      if (!write_all(out, reply)) return 1;
    }
  }
}

DryRunProcess::DryRunProcess(std::vector<std::string> helper) : helper_(std::move(helper)) {}
DryRunProcess::~DryRunProcess() = default;

void DryRunProcess::start() {
  if (child_) return;
  child_ = engine::start_engine_process(helper_, [](int in, int out) {
    engine::start_backends();  // every question needs them: the parent goes on meanwhile
    return serve_dry_runs(in, out);
  });
}

void DryRunProcess::rest() { child_.reset(); }

Json DryRunProcess::ask(const Json& question, const std::string& about) {
  start();
  child_->write_line(question.dump());
  const auto line = child_->read_line();
  if (!line) {
    const std::string cause = engine::why_engine_ended(*child_);
    child_.reset();
    throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", about, cause));
  }
  Json reply = Json::parse(*line);
  if (reply.contains("error")) throw_error(reply.at("error"));
  return reply;
}

DryRun DryRunProcess::dry_run(const DryRunRequest& request) {
  return dry_run_from_json(ask({{"dry_run", to_json(request)}}, request.model.path).at("dry_run"));
}

std::vector<DeviceView> DryRunProcess::devices() {
  std::vector<DeviceView> views;
  for (const Json& view : ask({{"devices", true}}, "the devices").at("devices"))
    views.push_back(device_view_from_json(view));
  return views;
}

}  // namespace plimsoll::dry_run
