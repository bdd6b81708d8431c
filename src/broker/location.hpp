// Location: where the ledger's file may lie.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::broker {

struct Location {
  std::string path;
  bool for_all = false;  // processes of several users share it; else it must be this user's own
  mode_t mode = 0600;    // of a file that is made there
};

// The first that can be used is the ledger. Empty: it is turned off.
//
// `asked`: a path (of a file, or of a folder that has the file "ledger"), then there is no other; "off", or nothing.
// Where nothing is asked: /run/plimsoll/ledger, where the administrator has made that folder; then one for each user:
// /dev/shm/plimsoll-UID, and where there is no such place $XDG_RUNTIME_DIR/plimsoll-ledger.
[[nodiscard]] std::vector<Location> locations(std::string_view asked);

// The value of PLIMSOLL_BROKER; nothing in a program that has more rights than its user (setuid).
[[nodiscard]] std::string asked_by_environment();

inline constexpr const char* kVariable = "PLIMSOLL_BROKER";
inline constexpr const char* kOff = "off";
inline constexpr const char* kFolderForAll = "/run/plimsoll";

}  // namespace plimsoll::broker
