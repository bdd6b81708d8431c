// snapshots: conversations that were saved, on their way between two processes: their memory is shared, not sent.
#pragma once
#include <kj/async.h>
#include <kj/io.h>

#include "model_worker.capnp.h"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::worker {

struct PackedSnapshot {
  std::string header;
  kj::AutoCloseFd file;
  std::size_t size = 0;
};

// Throws Error{io} where there is no memory for it.
[[nodiscard]] PackedSnapshot pack(const run::SequenceSnapshot& snapshot);
void write(rpc::Snapshot::Builder to, PackedSnapshot packed);  // on the event loop's thread
// On the event loop's thread: where its file is known.
[[nodiscard]] kj::Promise<PackedSnapshot> received(rpc::Snapshot::Reader from);
[[nodiscard]] run::SequenceSnapshot unpack(PackedSnapshot packed);  // throws Error{io}

}  // namespace plimsoll::worker
