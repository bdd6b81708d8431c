// State archives: a conversation, or a chat with its history, as one file that says what it belongs to.
//
// The file: 8 bytes "PLIMSOLL", then 64-bit little-endian numbers: format version (1), length of a JSON header, length
// of the memory; then header, memory, and the FNV-1a hash of everything before it. The memory is the engine's private
// format: it fits the same model file, cache types and engine version, and is not meant for files that one does not
// trust.
#pragma once
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/whole_file.hpp"
#include "engine/sampler_snapshot.hpp"
#include "run/history_transform.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::run {

struct SessionArchive {
  ChatHistory history{};
  std::string fingerprint{};  // fingerprint_of() the context it was saved from
  // None: the executor keeps no conversation, or there are media in the history, which stand in its place.
  std::optional<SequenceSnapshot> sequence{};
  std::optional<engine::SamplerSnapshot> sampler{};
};

// Told after each piece of a long state: bytes written or read, and of how many. A throw from it ends the call.
using ArchiveProgress = std::function<void(Bytes done, Bytes of)>;

// Writing throws Error{io}, or what the sink throws. Reading throws Error: io (cannot be read), usage (no archive of
// this kind, of a later version, cut short, damaged) with a sentence that says which. Streams are binary.
void write_archive(const Sink& sink, const SequenceSnapshot& snapshot, const ArchiveProgress& progress = {});
void write_archive(const Sink& sink, const SessionArchive& archive, const ArchiveProgress& progress = {});
[[nodiscard]] Sink sink_of(std::ostream& out);  // borrows the stream
[[nodiscard]] SequenceSnapshot read_sequence_archive(std::istream& in, const ArchiveProgress& progress = {});
[[nodiscard]] SessionArchive read_session_archive(std::istream& in, const ArchiveProgress& progress = {});

// Files: an existing one is replaced only once the new one is whole and on the disk.
void write_archive(const std::filesystem::path& path, const SequenceSnapshot& snapshot,
                   const ArchiveProgress& progress = {});
void write_archive(const std::filesystem::path& path, const SessionArchive& archive,
                   const ArchiveProgress& progress = {});
[[nodiscard]] SequenceSnapshot read_sequence_archive(const std::filesystem::path& path,
                                                     const ArchiveProgress& progress = {});
[[nodiscard]] SessionArchive read_session_archive(const std::filesystem::path& path,
                                                  const ArchiveProgress& progress = {});

}  // namespace plimsoll::run
