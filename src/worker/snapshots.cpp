#include "snapshots.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/descriptor_limit.hpp"

#include "shared_memory.hpp"
#include "worker/messages.hpp"
#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

class MemoryServer final : public rpc::Memory::Server {
 public:
  explicit MemoryServer(kj::AutoCloseFd file) : file_(kj::mv(file)) {}
  kj::Maybe<int> getFd() override { return file_.get(); }

 private:
  kj::AutoCloseFd file_;
};

[[noreturn]] void fail_for_want_of_a_descriptor(int error) {
  kj::throwFatalException(to_rpc(
      {ErrorCode::io, fmt::format("the memory of a saved conversation cannot be taken over: {} (this process may have "
                                  "{} descriptors)",
                                  std::strerror(error), descriptor_limit())}));
}

// The system drops a descriptor on its way where the process can have no more, and says nothing of that.
void require_a_free_descriptor() {
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0 && (errno == EMFILE || errno == ENFILE)) fail_for_want_of_a_descriptor(errno);
  kj::AutoCloseFd closed(file);
}

}  // namespace

PackedSnapshot pack(const run::SequenceSnapshot& snapshot) {
  SharedMemory shared = SharedMemory::create(snapshot.memory.size());
  std::ranges::copy(snapshot.memory, shared.bytes().begin());
  return {.header = header_of(snapshot), .file = shared.take_file(), .size = snapshot.memory.size()};
}

void write(rpc::Snapshot::Builder to, PackedSnapshot packed) {
  to.setHeader(packed.header.c_str());
  to.setSize(packed.size);
  to.setMemory(kj::heap<MemoryServer>(kj::mv(packed.file)));
}

kj::Promise<PackedSnapshot> received(rpc::Snapshot::Reader from) {
  rpc::Memory::Client memory = from.getMemory();
  std::string header = from.getHeader().cStr();
  const std::size_t size = from.getSize();
  return memory.getFd().then([memory, header = std::move(header), size](kj::Maybe<int> file) mutable -> PackedSnapshot {
    KJ_IF_MAYBE (there, file) {
      const int copy = fcntl(*there, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) fail_for_want_of_a_descriptor(errno);
      return {.header = std::move(header), .file = kj::AutoCloseFd(copy), .size = size};
    }
    require_a_free_descriptor();
    kj::throwFatalException(to_rpc({ErrorCode::io, "the memory of a saved conversation did not come with it"}));
  });
}

run::SequenceSnapshot unpack(PackedSnapshot packed) {
  run::SequenceSnapshot snapshot = snapshot_from(packed.header);
  SharedMemory shared = SharedMemory::map(packed.file.get(), packed.size);
  snapshot.memory.assign(shared.bytes().begin(), shared.bytes().end());
  return snapshot;
}

}  // namespace plimsoll::worker
