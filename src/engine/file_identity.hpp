// file_identity: which bytes a path means now.
#pragma once
#include <string>

namespace plimsoll::engine {

// Device, inode, size and time of change of a model's file, of all files of a split one. Another file in its place, or
// a changed one, has another. Empty where it cannot be asked. Any thread.
[[nodiscard]] std::string file_identity(const std::string& path);

}  // namespace plimsoll::engine
