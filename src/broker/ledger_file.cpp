#include "ledger_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

namespace plimsoll::broker {
namespace {

// Locks lie beyond everything that any version keeps in the file: one byte for its setting up, then one for each slot.
constexpr off_t kLocksAt = off_t{1} << 40U;
constexpr off_t kMostLocks = off_t{1} << 20U;
constexpr off_t kSetUp = 0;
constexpr auto kLongestSetUp = std::chrono::seconds(1);

constexpr std::size_t kFileBytes = kBlocksAt + kSlots * kBlockBytes;

struct flock range(short kind, off_t first, off_t count) noexcept {
  struct flock out{};
  out.l_type = kind;
  out.l_whence = SEEK_SET;
  out.l_start = kLocksAt + first;
  out.l_len = count;
  return out;
}

bool set_lock(int file, short kind, off_t first) noexcept {
  struct flock wanted = range(kind, first, 1);
  return ::fcntl(file, F_OFD_SETLK, &wanted) == 0;
}

bool others_hold_any(int file, off_t first, off_t count) noexcept {
  struct flock found = range(F_WRLCK, first, count);
  return ::fcntl(file, F_OFD_GETLK, &found) == 0 && found.l_type != F_UNLCK;
}

std::array<char, 40> boot_id() noexcept {
  std::array<char, 40> out{};
  const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return out;
  (void)!::read(file, out.data(), 36);
  (void)::close(file);
  return out;
}

std::string why(const std::string& path) { return fmt::format("'{}': {}", path, std::strerror(errno)); }

// A process that may not write files as large as this would be ended by a signal for trying.
bool may_be_so_large() noexcept {
  struct rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kFileBytes;
}

constexpr int kSafely = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

// Where users share it, it gets its mode before it gets its name: who found one that only its maker may open would
// stand in another ledger than all others from then on.
int make(const Location& location) {
  if (location.mode != (S_IRUSR | S_IWUSR)) {
    std::string apart = location.path + ".XXXXXX";
    if (const int made = ::mkostemp(apart.data(), O_CLOEXEC); made >= 0) {
      const bool has_mode = ::fchmod(made, location.mode) == 0;
      const bool has_name = has_mode && ::link(apart.c_str(), location.path.c_str()) == 0;
      const int error = errno;
      (void)::unlink(apart.c_str());
      if (has_name) return made;
      (void)::close(made);
      errno = error;
      if (has_mode && error == EEXIST) return -1;
    }
  }
  const int made = ::open(location.path.c_str(), O_RDWR | O_CREAT | O_EXCL | kSafely, S_IRUSR | S_IWUSR);
  if (made >= 0) (void)::fchmod(made, location.mode);
  return made;
}

// A file that is there is opened without O_CREAT, which the kernel may not allow for another user's file in a folder
// that is everybody's (fs.protected_regular).
int open_or_make(const Location& location, LedgerFile::For purpose) {
  if (purpose == LedgerFile::For::looking) return ::open(location.path.c_str(), O_RDONLY | kSafely);
  for (int tries = 0; tries < 3; ++tries) {
    const int there = ::open(location.path.c_str(), O_RDWR | kSafely);
    if (there >= 0 || errno != ENOENT) return there;
    const int made = make(location);
    if (made >= 0 || errno != EEXIST) return made;
  }
  return -1;
}

bool is_ours(const Header& header) noexcept {
  return header.magic == kMagic && header.checksum == checksum_of_header(header);
}

}  // namespace

LedgerFile::LedgerFile(int file, Location location) noexcept : file_(file), location_(std::move(location)) {
  struct stat found{};
  if (::fstat(file_, &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

LedgerFile::LedgerFile(LedgerFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      device_(other.device_),
      inode_(other.inode_),
      location_(std::move(other.location_)) {}

LedgerFile& LedgerFile::operator=(LedgerFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  file_ = std::exchange(other.file_, -1);
  device_ = other.device_;
  inode_ = other.inode_;
  location_ = std::move(other.location_);
  return *this;
}

LedgerFile::~LedgerFile() { close(); }

void LedgerFile::close() noexcept {
  if (is_open()) (void)::close(file_);
  file_ = -1;
}

bool LedgerFile::is_open() const noexcept {
  struct stat found{};
  return file_ >= 0 && ::fstat(file_, &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

std::expected<LedgerFile, std::string> LedgerFile::open(const Location& location, For purpose) {
  if (purpose == For::standing_in && !may_be_so_large())
    return std::unexpected(fmt::format("this process may not write files of {} bytes (ulimit -f)", kFileBytes));
  const int opened = open_or_make(location, purpose);
  if (opened < 0) return std::unexpected(why(location.path));
  LedgerFile file(opened, location);
  if (auto wrong = file.check_owner()) return std::unexpected(std::move(*wrong));
  if (purpose == For::looking) return file;
  if (auto wrong = file.begin()) return std::unexpected(std::move(*wrong));
  return file;
}

bool LedgerFile::is_there(const Location& location) noexcept {
  struct stat found{};
  return ::lstat(location.path.c_str(), &found) == 0 || errno != ENOENT;
}

std::optional<std::string> LedgerFile::check_owner() const {
  struct stat found{};
  if (::fstat(file_, &found) != 0) return why(location_.path);
  if (!S_ISREG(found.st_mode)) return fmt::format("'{}' is not a regular file", location_.path);
  if (!location_.for_all && (found.st_uid != ::geteuid() || found.st_nlink != 1))
    return fmt::format("'{}' belongs to another user", location_.path);
  return std::nullopt;
}

// Whose header is not ours may be remade only where nobody stands in the file. A damaged one is mended in any case.
std::optional<std::string> LedgerFile::begin() {
  const auto header_now = [&] {
    Header header{.magic = {}, .version = 0, .slots = 0};
    (void)read_some(0, &header, sizeof header);
    return header;
  };
  const auto is_current = [](const Header& header) {
    return is_ours(header) && header.version == kVersion && header.boot == boot_id();
  };
  if (is_current(header_now())) return std::nullopt;
  const auto until = std::chrono::steady_clock::now() + kLongestSetUp;
  while (!set_lock(file_, F_WRLCK, kSetUp)) {  // somebody else is at it, for some microseconds
    if (is_current(header_now())) return std::nullopt;
    if (std::chrono::steady_clock::now() > until)
      return fmt::format("another process sets '{}' up, and does not go on", location_.path);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::optional<std::string> wrong;
  const Header header = header_now();
  const bool is_in_use = others_hold_any(file_, 1, kMostLocks);
  if (is_current(header)) {
    // Made meanwhile.
  } else if (is_in_use && is_ours(header) && header.version != kVersion) {
    wrong = fmt::format("'{}' is in use by processes of another version of Plimsoll ({}, this one has {})",
                        location_.path, header.version, kVersion);
  } else {
    if (!is_in_use) (void)!::ftruncate(file_, 0);
    if (!write_header()) wrong = why(location_.path);
  }
  (void)set_lock(file_, F_UNLCK, kSetUp);
  return wrong;
}

bool LedgerFile::write_header() noexcept {
  Header header;
  header.boot = boot_id();
  header.checksum = checksum_of_header(header);
  return write_all(0, &header, sizeof header);
}

void LedgerFile::repair_header() noexcept { (void)write_header(); }

bool LedgerFile::is_at_its_path() const noexcept {
  struct stat there{};
  return is_open() && ::stat(location_.path.c_str(), &there) == 0 && there.st_ino == inode_ && there.st_dev == device_;
}

std::size_t LedgerFile::read_some(std::size_t at, void* to, std::size_t bytes) const noexcept {
  ssize_t got = 0;
  do {
    got = ::pread(file_, to, bytes, static_cast<off_t>(at));
  } while (got < 0 && errno == EINTR);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

bool LedgerFile::write_all(std::size_t at, const void* from, std::size_t bytes) noexcept {
  if (!is_open()) return false;
  const auto* next = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(file_, next, bytes, static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    next += put;
    at += static_cast<std::size_t>(put);
    bytes -= static_cast<std::size_t>(put);
  }
  return true;
}

LedgerFile::Index LedgerFile::index() const noexcept {
  std::array<std::byte, kActiveAt + kSlots> bytes{};
  (void)read_some(0, bytes.data(), bytes.size());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  Index out;
  std::memcpy(out.active.data(), bytes.data() + kActiveAt, kSlots);
  const auto is_no_flag = [](std::uint8_t flag) { return flag > 1; };
  out.damaged = !is_ours(header) || header.version != kVersion || std::ranges::any_of(out.active, is_no_flag);
  if (out.damaged) out.active.fill(1);
  return out;
}

bool LedgerFile::set_active(std::size_t slot, bool active) noexcept {
  const std::uint8_t flag = active ? 1 : 0;
  return write_all(kActiveAt + slot, &flag, 1);
}

bool LedgerFile::has_room_for(std::size_t slot) noexcept {
  // Not every file system can set space aside; then it shows when something is written.
  constexpr std::size_t kNeeded = 2 * kPage;
  const off_t block = static_cast<off_t>(kBlocksAt + slot * kBlockBytes);
  return ::fallocate(file_, FALLOC_FL_KEEP_SIZE, block, kNeeded) == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
}

// --- records ---

namespace {

template <class Record>
constexpr std::size_t place_in_block() noexcept {
  if constexpr (std::is_same_v<Record, Identity>) return 0;
  if constexpr (std::is_same_v<Record, Numbers>) return kNumbersAt;
  if constexpr (std::is_same_v<Record, Asks>) return kAsksAt;
  if constexpr (std::is_same_v<Record, Answers>) return kAnswersAt;
  if constexpr (std::is_same_v<Record, Models>) return kModelsAt;
}

template <class Record>
constexpr std::size_t place_of(std::size_t slot) noexcept {
  return kBlocksAt + slot * kBlockBytes + place_in_block<Record>();
}

constexpr int kMostLooks = 20;

}  // namespace

template <IsRecord Record>
std::optional<Record> LedgerFile::read(std::size_t slot) const noexcept {
  std::optional<Record> out(std::in_place);
  for (int looks = 0; looks < kMostLooks; ++looks) {
    *out = Record{};
    (void)read_some(place_of<Record>(slot), &*out, sizeof(Record));
    if (out->checksum == checksum_of_record(*out)) return out;
    if (out->checksum == 0 && out->incarnation == 0) return std::nullopt;  // nothing was ever written
    std::this_thread::yield();
  }
  return std::nullopt;
}

template <IsRecord Record>
bool LedgerFile::write(std::size_t slot, Record& record) noexcept {
  record.checksum = checksum_of_record(record);
  return write_all(place_of<Record>(slot), &record, used_bytes(record));
}

template std::optional<Identity> LedgerFile::read(std::size_t) const noexcept;
template std::optional<Numbers> LedgerFile::read(std::size_t) const noexcept;
template std::optional<Models> LedgerFile::read(std::size_t) const noexcept;
template std::optional<Asks> LedgerFile::read(std::size_t) const noexcept;
template std::optional<Answers> LedgerFile::read(std::size_t) const noexcept;
template bool LedgerFile::write(std::size_t, Identity&) noexcept;
template bool LedgerFile::write(std::size_t, Numbers&) noexcept;
template bool LedgerFile::write(std::size_t, Models&) noexcept;
template bool LedgerFile::write(std::size_t, Asks&) noexcept;
template bool LedgerFile::write(std::size_t, Answers&) noexcept;

// --- locks ---

bool LedgerFile::lock(std::size_t slot) noexcept {
  return is_open() && set_lock(file_, F_WRLCK, static_cast<off_t>(1 + slot));
}

void LedgerFile::unlock(std::size_t slot) noexcept {
  if (is_open()) (void)set_lock(file_, F_UNLCK, static_cast<off_t>(1 + slot));
}

bool LedgerFile::is_locked_by_another(std::size_t slot) const noexcept {
  return others_hold_any(file_, static_cast<off_t>(1 + slot), 1);
}

}  // namespace plimsoll::broker
