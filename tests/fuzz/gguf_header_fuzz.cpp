// Any bytes as a model file: our reader answers or throws Error, and nothing else. What it accepts, it can also write
// bare, and that is a header again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include <plimsoll/base/error.hpp>
#include "engine/bare_header.hpp"
#include "engine/gguf_header.hpp"

namespace {

constexpr off_t kRoomForTensors = off_t{64} << 20;  // holes: no demo model is as large

struct MemoryFile {
  int file = memfd_create("fuzz", MFD_CLOEXEC);
  std::string path = "/proc/self/fd/" + std::to_string(file);
  ~MemoryFile() { close(file); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace plimsoll;
  const MemoryFile file;
  if (file.file < 0 || write(file.file, data, size) != static_cast<ssize_t>(size)) std::abort();
  // Every second input is a whole file: without room for its tensors, few headers would be read to their end.
  const bool whole = size > 0 && (data[size - 1] & 1U) != 0;
  if (whole && ftruncate(file.file, static_cast<off_t>(size) + kRoomForTensors) != 0) std::abort();
  std::size_t tensors = 0;
  std::optional<engine::BareHeader> bare;
  try {
    tensors = engine::read_gguf_header(file.path).tensors.size();
    bare = engine::BareHeader::of(file.path);
  } catch (const Error&) {
    return 0;
  }
  // Only what was refused may throw: the copy of a header that was accepted is one as well.
  if (bare && engine::read_gguf_header(bare->path()).tensors.size() != tensors) std::abort();
  return 0;
}
