// plimsoll demo: the main job on the built-in models, step by step, each step a command that a user would type.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"

#include "commands.hpp"
#include "exit_status.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

// A folder for the reports of the steps; gone with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "plimsoll-demo-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw Error(ErrorCode::io, "no temporary folder could be made");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Runs this program with the arguments; its stdout goes to `to` where that is not empty. Answers the exit status.
int plimsoll(const std::vector<std::string>& arguments, const std::string& to = {}) {
  std::fflush(stdout);
  std::vector<std::string> all{program_path()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!to.empty())
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = -1;
  const int spawned = posix_spawn(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (spawned != 0 || waitpid(child, &status, 0) < 0)
    throw Error(ErrorCode::io, "a step of the demonstration cannot be started");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Json read_json(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

void show(const std::vector<std::string>& arguments, int expected) {
  std::vector<std::string> shown;
  for (const std::string& argument : arguments) {
    const bool path = argument.ends_with(".gguf") || argument.ends_with(".json");
    const std::string text = path ? std::filesystem::path(argument).filename().string() : argument;
    shown.push_back(text.contains(' ') ? "'" + text + "'" : text);
  }
  fmt::print("\n$ plimsoll {}\n", fmt::join(shown, " "));
  const Stopwatch watch;
  const int status = plimsoll(arguments);
  fmt::print(stderr, "  ({:.1f} s)\n", watch.elapsed_ms() / 1000);
  if (status != expected)
    throw Error(ErrorCode::internal, fmt::format("this step ended with status {} instead of {}", status, expected));
}

// Without an accelerator the software one stands in, where Mesa is installed.
std::string accelerator(const TemporaryFolder& folder) {
  const auto first = [&]() -> std::string {
    const std::string file = folder.file("devices.json");
    if (plimsoll({"devices", "--json"}, file) != done) return {};
    for (const Json& one : read_json(file).at("devices")) {
      if (one.at("device") != "CPU") return one.at("device");
    }
    return {};
  };
  if (std::string found = first(); !found.empty()) return found;
  setenv("GGML_VK_VISIBLE_DEVICES", "0", 0);
  return first();
}

std::uint64_t required(const TemporaryFolder& folder, std::vector<std::string> arguments, const std::string& device) {
  const std::string file = folder.file("plan.json");
  arguments.push_back("--json");
  if (plimsoll(arguments, file) != done)
    throw Error(ErrorCode::internal, "the demonstration's own plan does not fit on this machine");
  for (const Json& one : read_json(file).at("devices")) {
    if (one.at("device") == device) return one.at("required");
  }
  return 0;
}

// Two models within a budget that holds both; then a long context within a budget that is a quarter of its cache too
// low.
void show_plans(const TemporaryFolder& folder, const std::vector<std::string>& models, const std::string& device) {
  constexpr std::uint64_t kMebibyte = 1U << 20U;
  const auto in_mebibytes = [&](std::uint64_t bytes) { return fmt::format("{}={}MiB", device, bytes / kMebibyte + 1); };
  std::vector<std::string> both{"plan"};
  for (const std::string& model : models) both.insert(both.end(), {"-m", model});
  both.insert(both.end(), {"--budget", in_mebibytes(required(folder, both, device))});
  show(both, done);

  std::vector<std::string> large{"plan", "-m", models.front(), "-c", "131072"};
  const std::uint64_t needed = required(folder, large, device);
  const std::uint64_t small = required(folder, {"plan", "-m", models.front(), "-c", "512"}, device);
  large.insert(large.end(), {"--budget", in_mebibytes(needed - (needed - small) / 4)});
  show(large, refused);
}

// Loads, warms up, seals, answers; what it wrote down.
Json show_generation(const TemporaryFolder& folder, const std::string& model, const std::string& device,
                     const std::string& prompt) {
  const std::string file = folder.file("report.json");
  show({"generate", "-m", model, "-dev", device, "-c", "512", "-ub", "64", "-p", prompt, "-n", "60", "--temp", "0",
        "--progress", "--report", file},
       done);
  return read_json(file);
}

void print_figures(const std::vector<std::pair<std::string, Json>>& reports) {
  fmt::print("\n{:<34} {:>12} {:>14} {:>12} {:>12} {:>7}\n", "", "allocations", "growth after", "first", "steady",
             "first/");
  fmt::print("{:<34} {:>12} {:>14} {:>12} {:>12} {:>7}\n", "", "after seal", "ready", "request", "request", "steady");
  for (const auto& [name, report] : reports) {
    const Json& timing = report.at("timing");
    const double first = timing.at("first_request_ms");
    const double steady = timing.at("steady_request_ms");
    fmt::print("{:<34} {:>12} {:>14} {:>9.1f} ms {:>9.1f} ms {:>7.2f}\n", name,
               report.at("seal").at("allocations_after_seal").get<std::uint64_t>(),
               format_bytes(Bytes{report.at("growth_after_ready_bytes").get<std::uint64_t>()}), first, steady,
               first / steady);
  }
}

int run() {
  const Stopwatch watch;
  const TemporaryFolder folder;
  const std::vector<std::string> models = demo_models();
  const std::string device = accelerator(folder);
  if (device.empty())
    fmt::print(stderr, "plimsoll: no accelerator and no Mesa software device here; showing the CPU alone\n");
  show({"devices"}, done);
  show_plans(folder, models, device.empty() ? "CPU" : device);
  std::vector<std::pair<std::string, Json>> reports;
  for (const std::string& model : models) {
    const std::string name = std::filesystem::path(model).stem();
    if (!device.empty())
      reports.emplace_back(fmt::format("{} on {}", name, device), show_generation(folder, model, device, "Day 12."));
    reports.emplace_back(fmt::format("{} on CPU", name), show_generation(folder, model, "none", "Day 12."));
  }
  print_figures(reports);
  fmt::print(stderr, "\nThe demonstration took {:.0f} s.\n", watch.elapsed_ms() / 1000);
  return done;
}

}  // namespace

void add_demo(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command =
      app.add_subcommand("demo", "The main job, step by step, on the models that come with the program");
  command->callback([&status] { status = run(); });
}

}  // namespace plimsoll::app
