// write_whole_file: a file is replaced as a whole, or stays as it was.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace plimsoll {

// Takes the next bytes of the file. Throws Error{io}.
using Sink = std::function<void(std::span<const std::byte>)>;

// `write` gives the content to the sink. What is at `path` is replaced once everything is on the disk, and is there
// under its name after a crash, too; of several writers at once, of one process or of many, the last one's file is
// there as a whole. A pipe or a device is written to as it is. Throws Error{io} with the system's reason, and
// whatever `write` throws: then nothing has changed and nothing is left behind.
void write_whole_file(const std::string& path, const std::function<void(const Sink&)>& write);
void write_whole_file(const std::string& path, std::string_view text);

// For callers that write a file themselves and rename it once it is whole: a name beside `path` that no other writer
// has; and, after the rename, the folder's own entry on the disk. Throws Error{io}.
[[nodiscard]] std::string unfinished_name(const std::string& path);
void sync_folder_of(const std::string& path);

}  // namespace plimsoll
