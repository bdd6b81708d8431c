#include "source_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "engine/file_identity.hpp"

#include "model_file_names.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

// Where something happens that changes what lies at this path: its own folder, and those of what it links to.
std::set<std::string> folders_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::set<std::string> all;
    for (const fs::path& folder : with_subfolders(path)) all.insert(folder.string());
    return all;
  }
  std::set<std::string> out{folder_of(path).string()};
  const fs::path target = fs::canonical(path, error);
  if (!error) out.insert(folder_of(target).string());
  return out;
}

}  // namespace

SourceWatch::SourceWatch(std::vector<std::string> paths) : paths_(std::move(paths)) {
  if (paths_.empty()) return;
  inotify_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify_ < 0) log::warn("server", "--watch: the system tells nothing of files; they are looked at now and then");
  add_watches();
  first_state_ = state();
}

SourceWatch::~SourceWatch() {
  if (inotify_ >= 0) close(inotify_);
}

// Again and again: a folder may come back as another one, and links may lead elsewhere. A watch that is there already
// stays one.
void SourceWatch::add_watches() {
  if (inotify_ < 0) return;
  for (const std::string& path : paths_) {
    for (const std::string& folder : folders_of(path)) (void)inotify_add_watch(inotify_, folder.c_str(), kEvents);
  }
}

void SourceWatch::drain() {
  alignas(inotify_event) char events[4096];
  while (inotify_ >= 0 && read(inotify_, events, sizeof events) > 0) {
  }
  add_watches();
}

std::string SourceWatch::state() const {
  std::string out;
  const auto add = [&](const fs::path& file) {
    out += file.string() + "=" + engine::file_identity(file.string()) + "\n";
  };
  for (const std::string& path : paths_) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      add(path);
      continue;
    }
    std::vector<fs::path> files;
    for (const fs::path& folder : with_subfolders(path)) {
      error.clear();
      for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        if (is_gguf_name(at->path())) files.push_back(at->path());
      }
    }
    std::ranges::sort(files);
    std::ranges::for_each(files, add);
  }
  return out;
}

}  // namespace plimsoll::app
