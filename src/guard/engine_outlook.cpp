#include "guard/engine_outlook.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>

#include <plimsoll/base/error.hpp>
#include "base/child_process.hpp"
#include "guard/engine_versions.hpp"
#include "guard/program_file.hpp"
#include "guard/settings.hpp"

#include "engine_search.hpp"

namespace plimsoll::guard {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAllocates = "ggml_backend_buft_alloc_buffer";
constexpr const char* kSystemsEngine = "libggml-base.so.0";

// --- the child that loads a library: "FILE\n" is answered by two lines, where its allocator is and its version ---

std::string allocator_and_version(const std::string& library) {
  void* const opened = dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (opened == nullptr) return "\n\n";
  void* const allocator = dlsym(opened, kAllocates);
  Dl_info where{};
  const bool is_found = allocator != nullptr && dladdr(allocator, &where) != 0 && where.dli_fname != nullptr;
  const auto version = reinterpret_cast<const char* (*)()>(dlsym(opened, "ggml_version"));
  const char* const text = version == nullptr ? nullptr : version();
  return fmt::format("{}\n{}\n", is_found ? where.dli_fname : "", text == nullptr ? "" : text);
}

int answer_for_libraries(int in, int out) {
  std::FILE* const asked = fdopen(in, "r");
  if (asked == nullptr) return 1;
  char* line = nullptr;
  std::size_t room = 0;
  for (ssize_t length = 0; (length = getline(&line, &room, asked)) > 0;) {
    const std::string library(line, static_cast<std::size_t>(line[length - 1] == '\n' ? length - 1 : length));
    const std::string answer = allocator_and_version(library);
    if (write(out, answer.data(), answer.size()) != static_cast<ssize_t>(answer.size())) return 1;
  }
  return 0;
}

// One child for all libraries; another one where it was ended by what it had to load.
class Loading {
 public:
  struct Answer {
    fs::path allocator;  // empty: it has none
    std::string version;
    std::string problem;  // it cannot be loaded
  };
  [[nodiscard]] Answer ask(const fs::path& library) {
    if (!child_) child_ = std::make_unique<ChildProcess>(answer_for_libraries);
    child_->write_line(library.string());
    const auto allocator = child_->read_line();
    const auto version = allocator ? child_->read_line() : std::nullopt;
    if (version) return {.allocator = *allocator, .version = *version, .problem = {}};
    const std::string how = child_->end().how;
    child_.reset();
    return {.allocator = {}, .version = {}, .problem = fmt::format("what loads it {}", how)};
  }

 private:
  std::unique_ptr<ChildProcess> child_;
};

std::string why_not(const std::string& version) {
  if (version.empty()) return fmt::format("it does not say its version; the guard knows ggml {}", known_versions());
  const auto known = ggml_version_of(version);
  if (known && is_known(*known)) return {};
  return fmt::format("the guard knows ggml {}", known_versions());
}

class Search {
 public:
  explicit Search(Outlook& out) : out_(out) {}

  // True: it is an engine, or what ends whoever loads it.
  bool look_at(const fs::path& library, Found found) {
    const Loading::Answer answer = loading_.ask(library);
    if (!answer.problem.empty()) {
      add({.library = library, .found = found, .ggml = {}, .why_not = answer.problem});
      return true;
    }
    if (answer.allocator.empty()) return false;
    std::error_code error;
    const fs::path real = fs::canonical(answer.allocator, error);
    add({.library = error ? answer.allocator : real,
         .found = found,
         .ggml = answer.version,
         .why_not = why_not(answer.version)});
    return true;
  }

 private:
  void add(EngineOutlook engine) {
    if (seen_.insert(engine.library).second) out_.engines.push_back(std::move(engine));
  }
  Outlook& out_;
  Loading loading_;
  std::set<fs::path> seen_;
};

// Its name lies in the file of who has the allocator, or calls it.
bool names_the_allocator(const fs::path& program) {
  std::ifstream file(program, std::ios::binary);
  const std::string name = kAllocates;
  constexpr std::size_t kPiece = 1U << 20U;
  std::string piece;
  while (file) {
    std::string next(kPiece, '\0');
    file.read(next.data(), static_cast<std::streamsize>(next.size()));
    next.resize(static_cast<std::size_t>(file.gcount()));
    piece = piece.substr(piece.size() - std::min(piece.size(), name.size())) + next;
    if (piece.contains(name)) return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(Found found) noexcept {
  switch (found) {
    case Found::linked:
      return "linked";
    case Found::beside:
      return "beside";
    case Found::of_system:
      break;
  }
  return "of_system";
}

Outlook outlook_of(const std::vector<std::string>& command) {
  if (command.empty()) throw Error(ErrorCode::usage, "there is no command to be looked at");
  const auto program =
      find_program(command.front(), process_environment("PATH").value_or("/usr/local/bin:/usr/bin:/bin"));
  if (!program) throw Error(ErrorCode::usage, fmt::format("there is no program '{}'", command.front()));
  Outlook out{.program = *program, .why_not = why_not_preloaded(*program)};
  if (out.why_not) return out;
  const fs::path executable = executable_of(*program);
  Search search(out);
  bool is_linked = false;
  for (const fs::path& library : linked_libraries(executable)) {
    if (is_named_like_an_engine(library)) is_linked = search.look_at(library, Found::linked) || is_linked;
  }
  out.has_engine_inside = !is_linked && names_the_allocator(executable);
  for (const auto& files : engines_below(folders_of(command, *program, executable)))
    (void)std::ranges::any_of(files, [&](const fs::path& file) { return search.look_at(file, Found::beside); });
  if (out.engines.empty() && !out.has_engine_inside) (void)search.look_at(kSystemsEngine, Found::of_system);
  return out;
}

std::vector<std::string> to_lines(const Outlook& outlook) {
  const std::string program = outlook.program.string();
  if (outlook.why_not) return {fmt::format("'{}' cannot be guarded: {}", program, *outlook.why_not)};
  std::vector<std::string> lines;
  if (outlook.has_engine_inside)
    lines.push_back(fmt::format("'{}' has ggml linked in, and nobody can stand before that", program));
  for (const EngineOutlook& engine : outlook.engines) {
    const char* const how = engine.found == Found::linked   ? "linked"
                            : engine.found == Found::beside ? "beside it, opened perhaps"
                                                            : "the system's, for programs that open it by name";
    const std::string version = engine.ggml.empty() ? "" : fmt::format(": ggml {}", engine.ggml);
    const std::string verdict = engine.why_not.empty() ? "is guarded" : "is left alone: " + engine.why_not;
    lines.push_back(fmt::format("{} ({}){}, {}", engine.library.string(), how, version, verdict));
  }
  if (lines.empty())
    lines.push_back(fmt::format("no engine was found that '{}' is linked with or has beside it", program));
  return lines;
}

}  // namespace plimsoll::guard
