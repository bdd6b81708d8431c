#include "media_reading.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "api/unknown_fields.hpp"
#include "remote/fetch_file.hpp"

namespace plimsoll::server {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kForOneRequest{20};
constexpr std::string_view kFile = "file://";

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) (void)close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

[[noreturn]] void fail(const std::string& address, const std::string& why) {
  throw Error(ErrorCode::io, fmt::format("'{}' {}", address, why));
}

// Whatever links lie in the folder, and whoever changes them meanwhile, nothing outside it is opened. A pipe's other
// end is not waited for.
Descriptor open_beneath(const std::filesystem::path& folder, const std::string& name, const std::string& address) {
  const Descriptor beneath(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (beneath.get() < 0) fail(address, "cannot be read: the folder of pictures is not there");
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const auto opened = static_cast<int>(syscall(SYS_openat2, beneath.get(), name.c_str(), &how, sizeof how));
  if (opened < 0)
    fail(address, errno == EXDEV || errno == ELOOP
                      ? "lies outside the folder of pictures"
                      : fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  return Descriptor(opened);
}

std::string read_whole(int file, std::size_t longest, const std::string& address) {
  struct stat facts{};
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) fail(address, "is no file");
  if (std::cmp_greater(facts.st_size, longest)) fail(address, fmt::format("is larger than {} bytes", longest));
  std::string out(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = read(file, out.data() + done, out.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(address, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return out;
}

// "file://a/b.png" lies in the folder, as for llama-server; so does "file:///srv/pictures/a/b.png" in /srv/pictures.
std::string file_beneath(const std::string& address, const std::filesystem::path& folder, std::size_t longest) {
  if (folder.empty()) fail(address, "is a file, and none is read here (--media-path names a folder of them)");
  std::filesystem::path name = address.substr(kFile.size());
  if (name.is_absolute())
    name = name.lexically_normal().lexically_relative(std::filesystem::absolute(folder).lexically_normal());
  return read_whole(open_beneath(folder, name.string(), address).get(), longest, address);
}

std::string bytes_at(const std::string& address, const MediaReading& reading, Bytes most, Steady::time_point end) {
  if (address.starts_with(kFile)) return file_beneath(address, reading.rules.folder, most.value());
  if (!reading.rules.fetches) fail(address, "is elsewhere, and nothing is fetched here; send the file itself");
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now());
  const remote::FetchRules rules{.hosts = reading.rules.domains, .longest = most.value(), .limit = left};
  return remote::fetch_file(address, rules, reading.stop);
}

// Why it could not be read; empty: it was.
std::optional<std::string> read_from_address(api::Medium& medium, const MediaReading& reading, Bytes& left,
                                             Steady::time_point end) {
  try {
    std::string bytes = bytes_at(medium.address, reading, left, end);
    reading.memory.grow(Bytes{bytes.size()});
    left -= Bytes{bytes.size()};
    api::MediaList::take_file(medium, std::move(bytes));
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage && error.code() != ErrorCode::io) throw;
    return fmt::format("'{}': {}", medium.path, error.what());
  } catch (const api::Problem& problem) {
    if (problem.status() != 400) throw;
    return problem.what();
  }
}

}  // namespace

void bring_media(api::TextRequest& request, const MediaSenses& senses, const std::string& model,
                 const MediaReading& reading) {
  require_senses(request, senses, model);
  const Steady::time_point end = Steady::now() + kForOneRequest;
  bool any_left_out = false;
  Bytes left = reading.most;
  for (api::Medium& medium : request.media.all()) {
    if (medium.address.empty() || medium.is_left_out) continue;
    if (const auto why_not = read_from_address(medium, reading, left, end)) {
      if (medium.instead.empty()) throw api::bad_request(*why_not).at(medium.path);
      api::UnknownFields::met(medium.path, *why_not);
      medium.instead = fmt::format("[{} left out: it could not be read]", medium.type);
      medium.is_left_out = any_left_out = true;
    }
  }
  if (any_left_out) write_stand_ins(request);
  require_senses(request, senses, model);  // a sound may lie where a picture was said to be
}

}  // namespace plimsoll::server
