#include "mapped_fault.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

namespace plimsoll::engine {
namespace {

// What the handler may touch: nothing but this table, system calls and its stack.
struct Slot {
  std::atomic<bool> used{false};
  std::atomic<bool> faulted{false};
  std::atomic<std::uint64_t> device{0};
  std::atomic<std::uint64_t> inode{0};
};
constexpr std::size_t kSlots = 4096;  // files of all models of a process, parts of split ones each
std::array<Slot, kSlots> slots;
std::atomic<bool> gave_zeros{false};
struct sigaction before{};  // who handled it before us

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

// Reads /proc/self/maps a character at a time from a small buffer, without the heap. Lines are
// "begin-end perms offset major:minor inode path".
class MapsReader {
 public:
  MapsReader() : file_(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~MapsReader() {
    if (file_ >= 0) close(file_);
  }
  MapsReader(const MapsReader&) = delete;
  MapsReader& operator=(const MapsReader&) = delete;

  bool find(std::uintptr_t address, Mapping& found) {
    while (peek() >= 0) {
      found.begin = number(16);
      found.end = number(16);
      skip_word();       // permissions
      (void)number(16);  // offset
      const std::uint64_t major_number = number(16);
      const std::uint64_t minor_number = number(16);
      found.device = makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
      found.inode = number(10);
      skip_line();
      if (address >= found.begin && address < found.end) return true;
    }
    return false;
  }

 private:
  int peek() {
    if (at_ == filled_) {
      ssize_t count = -1;
      do count = file_ < 0 ? 0 : read(file_, buffer_.data(), buffer_.size());
      while (count < 0 && errno == EINTR);
      if (count <= 0) return -1;
      at_ = 0;
      filled_ = static_cast<std::size_t>(count);
    }
    return static_cast<unsigned char>(buffer_[at_]);
  }
  static int digit(int character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    return 99;
  }
  // The number that comes, and the one character after it.
  std::uint64_t number(int base) {
    std::uint64_t value = 0;
    while (peek() == ' ') ++at_;
    while (digit(peek()) < base) {
      value = value * static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(digit(peek()));
      ++at_;
    }
    if (peek() >= 0 && peek() != '\n') ++at_;
    return value;
  }
  void skip_word() {
    while (peek() >= 0 && peek() != ' ' && peek() != '\n') ++at_;
  }
  void skip_line() {
    while (peek() >= 0 && peek() != '\n') ++at_;
    if (peek() == '\n') ++at_;
  }

  int file_;
  std::array<char, 1024> buffer_{};
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
};

// Several models may be of one file. False: it is nobody's.
bool mark(const Mapping& mapping) {
  bool found = false;
  for (Slot& slot : slots) {
    if (!slot.used.load(std::memory_order_acquire) || slot.inode.load(std::memory_order_relaxed) != mapping.inode ||
        slot.device.load(std::memory_order_relaxed) != mapping.device)
      continue;
    slot.faulted.store(true, std::memory_order_release);
    found = true;
  }
  return found;
}

// From the page that is missing to the mapping's end everything is: the file was cut there. Pages before it, which
// other threads are reading, stay.
bool give_zeros(void* where) {
  const auto address = reinterpret_cast<std::uintptr_t>(where);
  Mapping mapping;
  if (!MapsReader().find(address, mapping)) return false;
  // Another thread ran into the same page, and gave the zeros a moment ago.
  if (mapping.inode == 0) return gave_zeros.load(std::memory_order_acquire);
  if (!mark(mapping)) return false;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = address / page * page;
  gave_zeros.store(true, std::memory_order_release);
  return mmap(reinterpret_cast<void*>(from), mapping.end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
              0) != MAP_FAILED;
}

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
    return before.sa_sigaction(signal, info, context);
  if (before.sa_handler == SIG_IGN || before.sa_handler == SIG_DFL) {
    // What it would have been without us: the faulting instruction runs again, and ends the process.
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &standard, nullptr);
    if (info->si_code <= 0) raise(SIGBUS);  // sent by somebody: nothing will run into it again
    return;
  }
  before.sa_handler(signal);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int kept = errno;
  // BUS_ADRERR: nothing is behind the address.
  const bool mended = info->si_code == BUS_ADRERR && give_zeros(info->si_addr);
  errno = kept;
  if (!mended) pass_on(signal, info, context);
}

void watch_faults() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction ours{};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, &before);
  });
}

int take_slot(std::uint64_t device, std::uint64_t inode) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (slots[i].used.load(std::memory_order_relaxed)) continue;
    slots[i].faulted.store(false, std::memory_order_relaxed);
    slots[i].device.store(device, std::memory_order_relaxed);
    slots[i].inode.store(inode, std::memory_order_relaxed);
    slots[i].used.store(true, std::memory_order_release);
    return static_cast<int>(i);
  }
  return -1;
}

// What /proc/self/maps calls the file, which on some file systems (overlayfs, btrfs) is not what stat() calls it.
bool name_in_maps(int file, Mapping& name) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* mapped = mmap(nullptr, page, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) return false;
  const bool found = MapsReader().find(reinterpret_cast<std::uintptr_t>(mapped), name);
  munmap(mapped, page);
  return found && name.inode != 0;
}

}  // namespace

GuardedFile::GuardedFile(const std::string& path)
    : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat facts{};
  if (file_ < 0 || fstat(file_, &facts) != 0 || !S_ISREG(facts.st_mode)) return;
  state_ = {.size = facts.st_size, .seconds = facts.st_mtim.tv_sec, .nanoseconds = facts.st_mtim.tv_nsec};
  device_ = facts.st_dev;
  inode_ = facts.st_ino;
  watch_faults();
  if (Mapping name; name_in_maps(file_, name)) slot_ = take_slot(name.device, name.inode);
}

GuardedFile::~GuardedFile() {
  if (slot_ >= 0) slots[static_cast<std::size_t>(slot_)].used.store(false, std::memory_order_release);
  if (file_ >= 0) close(file_);
}

bool GuardedFile::faulted() const noexcept {
  return slot_ >= 0 && slots[static_cast<std::size_t>(slot_)].faulted.load(std::memory_order_acquire);
}

bool GuardedFile::rewritten() const noexcept {
  struct stat facts{};
  if (file_ < 0 || fstat(file_, &facts) != 0) return false;
  return state_ != State{.size = facts.st_size, .seconds = facts.st_mtim.tv_sec, .nanoseconds = facts.st_mtim.tv_nsec};
}

bool GuardedFile::replaced() const noexcept {
  struct stat facts{};
  if (file_ < 0) return false;
  return stat(path_.c_str(), &facts) != 0 || facts.st_dev != device_ || facts.st_ino != inode_;
}

}  // namespace plimsoll::engine
