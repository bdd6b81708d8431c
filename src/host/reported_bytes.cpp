#include "reported_bytes.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::host {

ReportedBytes::ReportedBytes(memory::Ledger& ledger, std::string owner,
                             const std::vector<memory::Ledger::PlannedEntry>& planned)
    : ledger_(ledger), owner_(std::move(owner)) {
  auto reservation = ledger_.reserve(owner_, planned);
  if (!reservation) throw memory::Refused(std::move(reservation.error()));
  reservation_ = std::move(*reservation);
}

ReportedBytes::~ReportedBytes() { give_back(); }

void ReportedBytes::give_back() noexcept {
  for (const memory::Entry& entry : held_) {
    if (entry.charged) {
      ledger_.leaving(entry.tag, entry.taken.current);
      ledger_.give_back(entry.tag, entry.taken.current);
    } else {
      ledger_.forget_uncharged(entry.tag, entry.taken.current);
    }
  }
  held_.clear();
}

// The reservation holds what is given back in between.
void ReportedBytes::report(const std::vector<memory::Entry>& held) {
  for (const memory::Entry& entry : held) {
    if (entry.charged)
      reservation_.resize(entry.tag, std::max(entry.planned, entry.taken.current),
                          memory::Reservation::Growth::is_taken);
  }
  give_back();
  for (const memory::Entry& entry : held) {
    if (!entry.charged)
      ledger_.note_uncharged(entry.tag, entry.taken.current);
    else if (auto given = ledger_.take_what_is_there(entry.tag, entry.taken.current); !given)
      throw memory::Refused(std::move(given.error()));
    held_.push_back(entry);
  }
}

}  // namespace plimsoll::host
