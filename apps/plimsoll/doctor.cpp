// plimsoll doctor: is the hook in the way, what is there, who answers, what is missing and how to get it. Made to be
// attached to a bug report.
#include <fmt/format.h>
#include <ggml-backend.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "base/version.hpp"
#include "device/probe.hpp"
#include "device/registry.hpp"
#include "engine/backend.hpp"
#include "guard/engine_outlook.hpp"
#include "guard/engine_versions.hpp"
#include "plan/store.hpp"
#include "tracker/tracker.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "graphics_cards.hpp"
#include "guarded_command.hpp"
#include "loaded_libraries.hpp"
#include "vulkan_instance.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

Json machine() {
  utsname name{};
  uname(&name);
  return {{"system", fmt::format("{} {} {}", name.sysname, name.release, name.machine)},
          {"cores", std::thread::hardware_concurrency()},
          {"private_root", std::getenv("PLIMSOLL_IN_ROOT") != nullptr}};
}

Json software() {
  const engine::EngineVersion engine = engine::engine_version();
  return {{"plimsoll", version()},
          {"llama", engine.llama},
          {"ggml", engine.ggml},
          {"built_against_llama", engine.built_against_llama}};
}

Json backends() {
  Json names = Json::array();
  for (std::size_t i = 0; i < ggml_backend_reg_count(); ++i)
    names.push_back(ggml_backend_reg_name(ggml_backend_reg_get(i)));
  return names;
}

// Each device with what every probe says of it on its own.
Json devices(const device::ProbeChain& chain) {
  Json list = Json::array();
  for (const device::DeviceInfo& info : device::list_devices()) {
    Json probes = Json::array();
    bool total_is_known = false;
    for (const auto& probe : chain.probes()) {
      if (total_is_known && probe->makes_context(info)) continue;  // looking costs nothing
      const auto reading = probe->read(info);
      if (!reading) continue;
      total_is_known = total_is_known || reading->total;
      const auto bytes = [](const std::optional<Bytes>& value) { return value ? Json(value->value()) : Json(nullptr); };
      probes.push_back({{"probe", probe->name()},
                        {"total", bytes(reading->total)},
                        {"free", bytes(reading->free)},
                        {"used_by_us", bytes(reading->used_by_us)}});
    }
    list.push_back({{"device", info.id.name()},
                    {"backend", info.backend},
                    {"description", info.description},
                    {"memory_is_hosts", info.memory_is_hosts},
                    {"memory", info.memory().name()},
                    {"probes", probes}});
  }
  return list;
}

bool has_backend(const Json& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const Json& one) { return one.get<std::string>().contains(name); });
}

Json vulkan() {
  const VulkanInstance instance = try_vulkan();
  Json drivers = Json::array();
  for (const VulkanDriver& driver : instance.drivers)
    drivers.push_back({{"file", driver.file}, {"library", driver.library}, {"problem", driver.problem}});
  return {{"instance", instance.made}, {"problem", instance.problem}, {"drivers", drivers}};
}

std::string vulkan_text(const Json& vulkan) {
  std::string text = vulkan["instance"].get<bool>()
                         ? "an instance can be made"
                         : "no instance can be made: " + vulkan["problem"].get<std::string>();
  for (const Json& driver : vulkan["drivers"]) {
    if (const auto problem = driver["problem"].get<std::string>(); !problem.empty())
      text += fmt::format("; {}: {}", driver["file"].get<std::string>(), problem);
  }
  return text;
}

Json graphics(const Json& vulkan) {
  std::vector<VulkanDriver> drivers;
  for (const Json& driver : vulkan["drivers"])
    drivers.push_back({.file = driver["file"], .library = driver["library"], .problem = driver["problem"]});
  Json cards = Json::array();
  for (const GraphicsCard& card : graphics_cards("/", drivers))
    cards.push_back({{"node", card.node}, {"vendor", card.vendor}, {"driver", card.driver}, {"problem", card.problem}});
  return cards;
}

std::string graphics_text(const Json& card) {
  const auto text = [&](const char* key) { return card[key].get<std::string>(); };
  return fmt::format("{}{} ({})", text("vendor"), text("node").empty() ? "" : " " + text("node"), text("driver"));
}

Json libraries() {
  const LoadedLibraries loaded = loaded_libraries();
  return {{"bundle", loaded.bundle},    {"c_version", loaded.c_version}, {"c", loaded.c},
          {"cpp", loaded.cpp},          {"llama", loaded.llama},         {"ggml", loaded.ggml},
          {"backends", loaded.backends}};
}

// Of a bundle, which may take the newer of its own and the machine's.
void print_libraries(const Json& libraries) {
  const auto text = [&](const char* key) { return libraries[key].get<std::string>(); };
  fmt::print("engine: {}, backends from {}\n", text("llama"),
             text("backends").empty() ? "where it looks by itself" : text("backends"));
  if (libraries["bundle"].get<bool>())
    fmt::print("bundle: C library {} ({}), C++ library {}\n", text("c_version"), text("c"), text("cpp"));
}

void advise_on_cards(const Json& report, Json& advice) {
  for (const Json& card : report.at("graphics")) {
    if (const auto problem = card["problem"].get<std::string>(); !problem.empty())
      advice.push_back(fmt::format("the card {} is not used: {}", graphics_text(card), problem));
  }
}

// Of the command behind "--", as `plimsoll guard` would find it.
Json guard_json(const guard::Outlook& outlook) {
  Json engines = Json::array();
  for (const guard::EngineOutlook& engine : outlook.engines) {
    engines.push_back({{"library", as_utf8(engine.library.string())},
                       {"found", guard::to_string(engine.found)},
                       {"ggml", as_utf8(engine.ggml)},
                       {"guarded", engine.why_not.empty()},
                       {"why_not", as_utf8(engine.why_not)}});
  }
  Json lines = Json::array();
  for (const std::string& line : guard::to_lines(outlook)) lines.push_back(as_utf8(line));
  return {{"program", as_utf8(outlook.program.string())},
          {"preloaded", !outlook.why_not.has_value()},
          {"why_not", as_utf8(outlook.why_not.value_or(""))},
          {"engine_inside", outlook.has_engine_inside},
          {"knows", guard::known_versions()},
          {"engines", std::move(engines)},
          {"in_words", std::move(lines)}};
}

Json advice(const Json& report) {
  Json advice = Json::array();
  if (report.at("tracker") != "enforcing") {
    advice.push_back(
        "the memory hook is not in the way of ggml's allocator: link plimsoll::hook statically, or before libllama");
  }
  if (const std::string mismatch = engine::version_mismatch(); !mismatch.empty()) advice.push_back(mismatch);
  const Json& names = report.at("backends");
  const bool accelerated =
      std::ranges::any_of(report.at("devices"), [](const Json& one) { return one.at("device") != "CPU"; });
  std::error_code error;
  if (const std::string problem = engine::own_backend_problem(); !problem.empty()) advice.push_back(problem);
  const bool nvidia = std::filesystem::exists("/dev/nvidiactl", error);
  if (!accelerated && nvidia && !has_backend(names, "CUDA") && !has_backend(names, "Vulkan")) {
    advice.push_back(
        "an NVIDIA driver is here but no backend for it: install libggml0-backend-vulkan, or name a CUDA backend of "
        "your "
        "own in GGML_BACKEND_PATH (docs/command-line.md, doctor)");
  }
  if (!accelerated) advise_on_cards(report, advice);
  if (!accelerated && nvidia && has_backend(names, "Vulkan")) {
    advice.push_back("an NVIDIA driver is here, but Vulkan found no card of it: " + vulkan_text(report.at("vulkan")));
  }
  if (!accelerated && std::filesystem::exists("/dev/dri", error) && !has_backend(names, "Vulkan")) {
    advice.push_back(
        "a graphics device is here but no Vulkan backend: install libggml0-backend-vulkan and mesa-vulkan-drivers");
  }
  if (!accelerated && has_backend(names, "Vulkan")) {
    advice.push_back(
        "the Vulkan backend found no GPU; GGML_VK_VISIBLE_DEVICES=0 offers Mesa's software device for trying things "
        "out");
  }
  if (!report.at("store").at("usable").get<bool>()) {
    advice.push_back(
        "nothing can be remembered: the cache folder cannot be written; plans still work, calibrations are lost");
  }
  return advice;
}

void print_text(const Json& report) {
  fmt::print("plimsoll {}, llama.cpp {} (built against {}), ggml {}\n",
             report["software"]["plimsoll"].get<std::string>(), report["software"]["llama"].get<std::string>(),
             report["software"]["built_against_llama"].get<std::string>(),
             report["software"]["ggml"].get<std::string>());
  fmt::print("{}, {} cores{}\n", report["machine"]["system"].get<std::string>(),
             report["machine"]["cores"].get<unsigned>(),
             report["machine"]["private_root"].get<bool>() ? ", inside the private root" : "");
  fmt::print("tracker: {}\n", report["tracker"].get<std::string>());
  std::string names;
  for (const Json& name : report["backends"]) names += (names.empty() ? "" : ", ") + name.get<std::string>();
  fmt::print("backends: {}\n", names);
  print_libraries(report["libraries"]);
  fmt::print("vulkan: {}\n", vulkan_text(report["vulkan"]));
  for (const Json& card : report["graphics"]) fmt::print("card: {}\n", graphics_text(card));
  for (const Json& one : report["devices"]) {
    std::string probes;
    for (const Json& probe : one["probes"]) probes += (probes.empty() ? "" : ", ") + probe["probe"].get<std::string>();
    fmt::print("device {}: {}; probes that answer: {}\n", one["device"].get<std::string>(),
               one["description"].get<std::string>(), probes.empty() ? "none" : probes);
  }
  fmt::print("remembers in: {}{}\n", report["store"]["path"].get<std::string>(),
             report["store"]["usable"].get<bool>() ? "" : " (cannot be used)");
  if (report.contains("guard")) {
    for (const Json& line : report["guard"]["in_words"]) fmt::print("guard: {}\n", line.get<std::string>());
  }
  for (const Json& sentence : report["advice"]) fmt::print("advice: {}\n", sentence.get<std::string>());
}

int run_doctor(const GlobalOptions& global) {
  // Before the backends have threads.
  std::optional<guard::Outlook> outlook;
  if (!guarded_command().empty()) outlook = guard::outlook_of(guarded_command());
  engine::start_backends();
  const SystemClock clock;
  const auto chain = device::make_system_probes(clock);
  const plan::Store store;
  Json report{{"schema", "plimsoll.doctor/1"}, {"software", software()},
              {"machine", machine()},          {"tracker", tracker::to_string(tracker::mode())},
              {"backends", backends()},        {"vulkan", vulkan()},
              {"libraries", libraries()},      {"graphics", Json::array()},
              {"devices", devices(*chain)},    {"store", {{"path", store.path()}, {"usable", store.usable()}}}};
  report["graphics"] = graphics(report["vulkan"]);
  if (outlook) report["guard"] = guard_json(*outlook);
  report["advice"] = advice(report);
  if (global.json) {
    fmt::print("{}\n", report.dump(2));
  } else {
    print_text(report);
  }
  return tracker::mode() == tracker::Mode::enforcing ? done : failed;
}

}  // namespace

void add_doctor(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command =
      app.add_subcommand("doctor",
                         "What is here, what is missing and how to get it; for bug reports. With -- COMMAND...: "
                         "whether `plimsoll guard` knows the engine of that program");
  add_json(*command, global);
  const auto options = std::make_shared<ModelOptions>();
  for (const char* flag : {"--rpc", "--rpc-insecure"}) add_option(*command, *options, options::option_of_flag(flag));
  command->callback([&global, &status, options] { status = run_doctor(global); });
}

}  // namespace plimsoll::app
