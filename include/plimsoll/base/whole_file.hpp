// write_whole_file: a file is there as a whole or as it was before.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace plimsoll {

// Takes the next bytes of the file. Throws Error{io}.
using Sink = std::function<void(std::span<const std::byte>)>;

// `write` gives the content to the sink. What is at `path` is replaced once everything is on the disk; a pipe or a
// device is written to as it is. Throws Error{io} with the system's reason, and whatever `write` throws: then nothing
// has changed and nothing is left behind.
void write_whole_file(const std::string& path, const std::function<void(const Sink&)>& write);
void write_whole_file(const std::string& path, std::string_view text);

}  // namespace plimsoll
