#include "remote/model_header.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "engine/gguf_header.hpp"

namespace plimsoll::remote {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFirstPiece = 1U << 20U;       // most of a small vocabulary's header
constexpr std::uint64_t kLongestHeader = 256U << 20U;  // the largest seen have 20 MiB
constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 50U;

// What was asked of a server about one file.
struct RemoteFile {
  std::vector<std::byte> header;
  std::uint64_t length = 0;
  std::uint64_t read = 0;
  bool has_ranges = true;
  std::string version;
};

[[noreturn]] void unreadable(const std::string& url, const std::string& why) {
  throw Error(ErrorCode::io, fmt::format("'{}' cannot be read: {}", url, why));
}

class HeaderReader {
 public:
  HeaderReader(HttpClient& client, const std::string& url, const std::function<void(Bytes)>& progress)
      : client_(client), url_(url), progress_(progress) {}

  // What the server says of the file, for the price of one byte.
  RemoteFile ask() {
    take(client_.read(url_, 0, 1));
    return std::move(file_);
  }

  RemoteFile read() {
    std::optional<std::uint64_t> end;
    while (!end) {
      read_more();
      end = engine::gguf_header_bytes(url_, file_.header, file_.length);
    }
    file_.header.resize(*end);
    if (file_.has_ranges) require_last_byte();
    return std::move(file_);
  }

 private:
  void read_more() {
    const std::uint64_t before = file_.header.size();
    if (before >= kLongestHeader)
      throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: its header is longer than {}", url_,
                                                         format_bytes(Bytes{kLongestHeader})));
    take(client_.read(url_, before, std::min(std::max(before, kFirstPiece), kLongestHeader - before)));
    if (file_.header.size() == before) unreadable(url_, "the server gives no more of it");
    if (progress_) progress_(Bytes{file_.header.size()});
  }

  void take(Piece piece) {
    if (!piece.length) unreadable(url_, "the server does not say how long it is");
    if (*piece.length > kLongestFile)
      unreadable(url_, fmt::format("the server says that it has {} bytes, and no model has as many", *piece.length));
    if (*piece.length == 0)
      throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: it is empty", url_));
    if (file_.length != 0 && (file_.length != *piece.length || file_.version != piece.version))
      unreadable(url_, "it changed while it was read");
    file_.read += piece.bytes.size();
    file_.length = *piece.length;
    file_.version = piece.version;
    file_.has_ranges = piece.has_ranges;
    file_.header.resize(piece.from);
    file_.header.insert(file_.header.end(), piece.bytes.begin(), piece.bytes.end());
  }

  // A plan says whether the model fits: it must not stand on a length that is only said.
  void require_last_byte() {
    if (file_.header.size() == file_.length) return;
    const Piece last = client_.read(url_, file_.length - 1, 1, HttpClient::WithoutRanges::nothing);
    if (!last.has_ranges) unreadable(url_, "the server gives pieces of its beginning, and none of its end");
    if (last.bytes.size() != 1 || last.length != file_.length)
      unreadable(url_, fmt::format("the server says that it has {} bytes, and does not have them", file_.length));
  }

  HttpClient& client_;
  const std::string& url_;
  const std::function<void(Bytes)>& progress_;
  RemoteFile file_;
};

// One address's folder in the cache: the header under its file's own name, and what the server said of it.
class KeptHeader {
 public:
  KeptHeader(const fs::path& folder, const std::string& path) : file_(path), notes_(folder / "notes.json") {}

  // Whether it is of the file that the server has now. A server that names no version is asked again each time.
  [[nodiscard]] bool is_of(const RemoteFile& asked) const {
    try {
      const auto notes = nlohmann::json::parse(read_notes(), nullptr, false);
      const auto& mine = notes.at(file_.filename().string());
      return !asked.version.empty() && mine.at("version") == asked.version && mine.at("length") == asked.length &&
             fs::file_size(file_) == asked.length;
    } catch (const std::exception&) {
      return false;  // none, or not ours
    }
  }

  void keep(const RemoteFile& file) const {
    write_sparse(file);
    auto notes = nlohmann::json::parse(read_notes(), nullptr, false);
    if (!notes.is_object()) notes = nlohmann::json::object();
    notes[file_.filename().string()] = {{"version", file.version}, {"length", file.length}};
    write_whole_file(notes_.string(), notes.dump());
  }

 private:
  [[nodiscard]] std::string read_notes() const {
    std::ifstream notes(notes_, std::ios::binary);
    return {std::istreambuf_iterator<char>(notes), {}};
  }

  // The file's name comes with the whole content.
  void write_sparse(const RemoteFile& file) const {
    const std::string unfinished = unfinished_name(file_.string());
    try {
      write_whole_file(unfinished, [&](const Sink& sink) { sink(file.header); });
      if (truncate(unfinished.c_str(), static_cast<off_t>(file.length)) != 0 ||
          rename(unfinished.c_str(), file_.c_str()) != 0)
        throw Error(ErrorCode::io, fmt::format("'{}' cannot be written: {}", file_.string(), std::strerror(errno)));
    } catch (...) {
      (void)unlink(unfinished.c_str());
      throw;
    }
  }

  fs::path file_;
  fs::path notes_;
};

fs::path folder_of(const std::string& url, const HeaderFolder& headers) {
  Fnv1a hash;
  hash.add(url);
  const fs::path folder = headers.path / hash.hex();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error(ErrorCode::io, fmt::format("'{}' cannot be made: {}", folder.string(), error.message()));
  fs::last_write_time(folder, fs::file_time_type::clock::now(), error);
  return folder;
}

// Those that were asked for longest ago go. What cannot be looked at or removed stays: it is a cache.
void drop_oldest(const HeaderFolder& headers) {
  std::vector<std::pair<fs::file_time_type, fs::path>> folders;
  std::error_code error;
  for (fs::directory_iterator at(headers.path, error), end; !error && at != end; at.increment(error)) {
    std::error_code unknown;
    folders.emplace_back(at->last_write_time(unknown), at->path());
  }
  std::ranges::sort(folders, std::greater{});
  for (std::size_t i = headers.most; i < folders.size(); ++i) (void)fs::remove_all(folders[i].second, error);
}

}  // namespace

ModelHeader fetch_header(HttpClient& client, const std::string& url, const HeaderFolder& headers,
                         const std::function<void(Bytes)>& progress) {
  const fs::path folder = folder_of(url, headers);
  drop_oldest(headers);
  ModelHeader out;
  for (const std::string& one : split_urls(url)) {
    const fs::path path = folder / file_name_of(one);
    const KeptHeader kept(folder, path.string());
    std::error_code error;
    RemoteFile file;
    const bool may_be_kept = fs::exists(path, error);
    if (may_be_kept) file = HeaderReader(client, one, {}).ask();
    if (!may_be_kept || !kept.is_of(file)) {
      file = HeaderReader(client, one, progress).read();
      out.was_kept = false;
      kept.keep(file);
      log::debug("remote", "{}: {} bytes of {} were read", one, file.read, file.length);
    }
    if (out.path.empty()) out.path = path.string();
    out.model += Bytes{file.length};
    out.read += Bytes{file.read};
    out.has_ranges = out.has_ranges && file.has_ranges;
  }
  return out;
}

}  // namespace plimsoll::remote
