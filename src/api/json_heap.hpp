// json_heap: what JSON of a stranger is going to take, before it is read.
#pragma once
#include <string_view>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::api {

// What its values take on the heap beside their texts, estimated for the usual libraries: "[]," is 3 bytes, and 72 of
// an array's. Of what is no JSON: up to where it ends to be.
[[nodiscard]] Bytes heap_of_values(std::string_view json);

}  // namespace plimsoll::api
