// LedgerFile: the ledger's file, opened: its records and the locks on its slots. It is read and written by system
// calls, never mapped: a file that somebody cuts off under us is short then, and not the end of this process; a full
// disk is an answer; and a process that is killed or stopped leaves no record half written.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "location.hpp"
#include "records.hpp"

namespace plimsoll::broker {

// Move-only; one thread at a time.
class LedgerFile {
 public:
  enum class For { standing_in, looking };  // looking makes no file, repairs nothing
  // The error is a sentence without a full stop.
  [[nodiscard]] static std::expected<LedgerFile, std::string> open(const Location& location, For purpose);
  // Something lies there, whatever it is.
  [[nodiscard]] static bool is_there(const Location& location) noexcept;
  LedgerFile(LedgerFile&& other) noexcept;
  LedgerFile& operator=(LedgerFile&& other) noexcept;
  ~LedgerFile();

  [[nodiscard]] const std::string& path() const noexcept { return location_.path; }
  // False: the descriptor was closed by somebody else (a program that closes all it finds), and its number may be
  // another file's by now. Such a file is neither read, nor written, nor closed.
  [[nodiscard]] bool is_open() const noexcept;
  // False: the file at its path is another one by now, or none.
  [[nodiscard]] bool is_at_its_path() const noexcept;

  // Which slots may be in use. `damaged`: the header is not what it should be, and every slot is looked at.
  struct Index {
    std::array<std::uint8_t, kSlots> active{};
    bool damaged = false;
  };
  [[nodiscard]] Index index() const noexcept;
  void repair_header() noexcept;
  [[nodiscard]] bool set_active(std::size_t slot, bool active) noexcept;

  // Empty: it is not a whole record, even after some looks (a writer may be at it).
  template <IsRecord Record>
  [[nodiscard]] std::optional<Record> read(std::size_t slot) const noexcept;
  // Fills in the checksum. False: the disk is full, or the like.
  template <IsRecord Record>
  [[nodiscard]] bool write(std::size_t slot, Record& record) noexcept;
  // Has the disk space that a slot needs at least. False: there is none.
  [[nodiscard]] bool has_room_for(std::size_t slot) noexcept;

  // The lock on a slot's byte is its process's as long as that lives (an open-file-description lock: forked children
  // close their end, see machine_ledger.cpp). False: another has it.
  [[nodiscard]] bool lock(std::size_t slot) noexcept;
  void unlock(std::size_t slot) noexcept;
  [[nodiscard]] bool is_locked_by_another(std::size_t slot) const noexcept;

  [[nodiscard]] int descriptor() const noexcept { return file_; }
  void forget() noexcept { file_ = -1; }  // it is closed already

 private:
  LedgerFile(int file, Location location) noexcept;
  void close() noexcept;
  [[nodiscard]] std::optional<std::string> check_owner() const;
  [[nodiscard]] std::optional<std::string> begin();  // the header is made, or made anew, where that is right
  [[nodiscard]] bool write_header() noexcept;
  [[nodiscard]] std::size_t read_some(std::size_t at, void* to, std::size_t bytes) const noexcept;
  [[nodiscard]] bool write_all(std::size_t at, const void* from, std::size_t bytes) noexcept;

  int file_ = -1;
  std::uint64_t device_ = 0;  // with the inode: which file it is
  std::uint64_t inode_ = 0;
  Location location_;
};

}  // namespace plimsoll::broker
