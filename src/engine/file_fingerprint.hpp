// file_fingerprint: tells one model file from another without reading all of it.
#pragma once
#include <string>

namespace plimsoll::engine {

// 16 hexadecimal digits, of the file's size and of three pieces of it (its beginning with the header, its middle, its
// end; up to 1 MiB each): files that differ only elsewhere look the same. Remembered for as long as size and time of
// change stay. Any thread. Throws Error{io} where it cannot be read.
[[nodiscard]] std::string file_fingerprint(const std::string& path);

}  // namespace plimsoll::engine
