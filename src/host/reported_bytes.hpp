// ReportedBytes: bytes that another process takes in this one's name.
#pragma once
#include <string>
#include <vector>

#include "memory/ledger.hpp"

namespace plimsoll::host {

// Reserved, and counted as taken once that process says so, for as long as this lives. While that process is dead and
// until it is back they stay. One thread; the ledger outlives it.
class ReportedBytes {
 public:
  // Throws memory::Refused where the budget refuses.
  ReportedBytes(memory::Ledger& ledger, std::string owner, const std::vector<memory::Ledger::PlannedEntry>& planned);
  ~ReportedBytes();
  ReportedBytes(const ReportedBytes&) = delete;
  ReportedBytes& operator=(const ReportedBytes&) = delete;

  // What it really holds by now. Throws memory::Refused where that is more than was reserved and the budget has no
  // room for it.
  void report(const std::vector<memory::Entry>& held);
  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }

 private:
  void give_back() noexcept;
  memory::Ledger& ledger_;
  std::string owner_;
  memory::Reservation reservation_;
  std::vector<memory::Entry> held_;
};

}  // namespace plimsoll::host
