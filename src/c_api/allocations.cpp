#include "allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_set>

#include <plimsoll/base/error.hpp>
#include "base/mutex.hpp"

#include "call.hpp"

namespace plimsoll::c_api {
namespace {

struct Given {
  Mutex mutex;
  std::unordered_set<void*> blocks PLIMSOLL_GUARDED_BY(mutex);
};
Given& given() {
  static Given& the_blocks = *new Given;
  return the_blocks;
}

void* allocated(std::size_t bytes) {
  void* const block = std::malloc(std::max<std::size_t>(bytes, 1));
  if (block == nullptr) throw std::bad_alloc();
  try {
    Given& all = given();
    const MutexLock lock(all.mutex);
    all.blocks.insert(block);
  } catch (...) {
    std::free(block);
    throw;
  }
  return block;
}

}  // namespace

void give_text(std::string_view text, char** out, std::uint64_t* length) {
  char* const block = static_cast<char*>(allocated(text.size() + 1));
  std::ranges::copy(text, block);
  block[text.size()] = '\0';
  *out = block;
  if (length != nullptr) *length = text.size();
}

void give_tokens(const std::vector<std::int32_t>& tokens, std::int32_t** out, std::uint64_t* count) {
  *out = static_cast<std::int32_t*>(allocated(tokens.size() * sizeof(std::int32_t)));
  std::ranges::copy(tokens, *out);
  *count = tokens.size();
}

std::size_t allocations() {
  Given& all = given();
  const MutexLock lock(all.mutex);
  return all.blocks.size();
}

}  // namespace plimsoll::c_api

using namespace plimsoll::c_api;

extern "C" plimsoll_error* plimsoll_free(void* memory) {
  return closing([&] {
    if (memory == nullptr) return;
    {
      Given& all = given();
      const plimsoll::MutexLock lock(all.mutex);
      if (all.blocks.erase(memory) == 0)
        throw plimsoll::Error(plimsoll::ErrorCode::usage,
                              "this memory was freed already, or the library never gave it out");
    }
    std::free(memory);
  });
}
