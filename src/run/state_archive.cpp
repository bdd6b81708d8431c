#include "run/state_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include <plimsoll/base/error.hpp>
#include "base/hash.hpp"
#include "engine/sampling_json.hpp"

namespace plimsoll::run {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMagic = "PLIMSOLL";
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kMostHeader = 256ULL << 20U;  // a history longer than that is damage
constexpr std::uint64_t kPiece = 1ULL << 20U;

static_assert(std::endian::native == std::endian::little, "the lengths in the file are little-endian");

class Writer {
 public:
  explicit Writer(const Sink& sink) : sink_(sink) {}
  void bytes(std::span<const std::byte> bytes) {
    hash_.add(bytes);
    sink_(bytes);
  }
  void number(std::uint64_t value) { bytes(std::as_bytes(std::span(&value, 1))); }
  void finish() { number(hash_.value()); }

 private:
  const Sink& sink_;
  Fnv1a hash_;
};

class Reader {
 public:
  explicit Reader(std::istream& in) : in_(in) {}
  void bytes(std::span<std::byte> bytes) {
    in_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (std::cmp_not_equal(in_.gcount(), bytes.size())) throw Error(ErrorCode::usage, "this state is cut short");
    hash_.add(bytes);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    bytes(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  // In pieces: a length that damage made absurd ends where the file does, not in an allocation.
  template <class Container>
  Container block(std::uint64_t length, const ArchiveProgress& progress = {}) {
    Container block;
    while (block.size() < length) {
      const std::size_t from = block.size();
      block.resize(from + static_cast<std::size_t>(std::min(kPiece, length - from)));
      bytes(std::as_writable_bytes(std::span(block).subspan(from)));
      if (progress) progress(Bytes{block.size()}, Bytes{length});
    }
    return block;
  }
  void finish() {
    const std::uint64_t expected = hash_.value();
    if (number() != expected) throw Error(ErrorCode::usage, "this state is damaged: its checksum is another");
  }

 private:
  std::istream& in_;
  Fnv1a hash_;
};

struct Content {
  Json header;
  engine::StateBytes memory;
};

// The memory of a state may be long: it is written in pieces that somebody hears of.
void write(Writer& writer, std::span<const std::uint8_t> memory, const ArchiveProgress& progress) {
  for (std::size_t done = 0; done < memory.size();) {
    const auto piece = memory.subspan(done, std::min<std::size_t>(kPiece, memory.size() - done));
    writer.bytes(std::as_bytes(piece));
    done += piece.size();
    if (progress) progress(Bytes{done}, Bytes{memory.size()});
  }
}

void write(const Sink& sink, const Json& header, std::span<const std::uint8_t> memory,
           const ArchiveProgress& progress) {
  const std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  Writer writer(sink);
  writer.bytes(std::as_bytes(std::span(kMagic)));
  writer.number(kVersion);
  writer.number(text.size());
  writer.number(memory.size());
  writer.bytes(std::as_bytes(std::span(text)));
  write(writer, memory, progress);
  writer.finish();
}

Content read(std::istream& in, std::string_view kind, const ArchiveProgress& progress) {
  Reader reader(in);
  const auto magic = reader.block<std::string>(kMagic.size());
  if (magic != kMagic) throw Error(ErrorCode::usage, "this is not a state that was saved here");
  if (const std::uint64_t version = reader.number(); version != kVersion)
    throw Error(ErrorCode::usage, fmt::format("this state is of format {}, and {} is known", version, kVersion));
  const std::uint64_t header_length = reader.number();
  const std::uint64_t memory_length = reader.number();
  if (header_length > kMostHeader) throw Error(ErrorCode::usage, "this state is damaged: its header is too long");
  const auto text = reader.block<std::string>(header_length);
  Content content{.header = {}, .memory = reader.block<engine::StateBytes>(memory_length, progress)};
  reader.finish();
  content.header = Json::parse(text);
  if (content.header.at("kind") != kind) {
    throw Error(ErrorCode::usage, fmt::format("this is the state of a {}, not of a {}",
                                              content.header.at("kind").get<std::string>(), kind));
  }
  return content;
}

Json header_of(const SequenceSnapshot& snapshot) {
  Json header{{"fingerprint", snapshot.fingerprint},
              {"tokens", snapshot.tokens},
              {"positions", snapshot.positions},
              {"decoded", snapshot.decoded}};
  for (const SequenceSnapshot::Span& span : snapshot.spans)
    header["spans"].push_back({span.first, span.count, span.next});
  if (!snapshot.adapter_scales.empty()) header["adapter_scales"] = snapshot.adapter_scales;
  return header;
}

SequenceSnapshot snapshot_of(const Json& header, engine::StateBytes memory) {
  SequenceSnapshot snapshot{.fingerprint = header.at("fingerprint"),
                            .tokens = header.at("tokens"),
                            .positions = header.at("positions"),
                            .decoded = header.at("decoded"),
                            .memory = std::move(memory)};
  for (const Json& span : header.value("spans", Json::array()))
    snapshot.spans.push_back({.first = span.at(0), .count = span.at(1), .next = span.at(2)});
  snapshot.adapter_scales = header.value("adapter_scales", engine::AdapterScales{});
  return snapshot;
}

Json message_json(const engine::ChatMessage& message) {
  Json json{{"role", message.role}, {"content", message.content}};
  if (!message.extra.is_null()) json["extra"] = message.extra;
  for (const engine::Media& medium : message.media)
    json["media"].push_back({{"sound", medium.is_audio()}, {"width", medium.width()}, {"height", medium.height()}});
  return json;
}

// Behind one another in the memory of a chat that has media.
engine::StateBytes bytes_of_media(const ChatHistory& history) {
  engine::StateBytes out;
  for (const engine::ChatMessage& message : history)
    for (const engine::Media& medium : message.media)
      out.insert(out.end(), medium.bytes().begin(), medium.bytes().end());
  return out;
}

engine::Media medium_of(const Json& json, std::span<const std::uint8_t>& bytes) {
  const std::uint64_t width = json.at("width").get<std::uint32_t>();
  const std::uint64_t height = json.at("height").get<std::uint32_t>();
  const bool is_sound = json.at("sound");
  const std::uint64_t parts = is_sound ? width : width * height;
  const std::size_t part = is_sound ? sizeof(float) : 3;
  if (parts > bytes.size() / part) throw Error(ErrorCode::usage, "this state is damaged: a picture of it is cut short");
  const auto own = bytes.first(parts * part);
  bytes = bytes.subspan(own.size());
  if (!is_sound)
    return engine::Media::from_pixels(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), own);
  std::vector<float> samples(width);
  std::memcpy(samples.data(), own.data(), own.size());
  return engine::Media::from_samples(samples);
}

engine::ChatMessage message_of(const Json& json, std::span<const std::uint8_t>& media) {
  engine::ChatMessage message{
      .role = json.at("role"), .content = json.at("content"), .extra = json.value("extra", Json{})};
  for (const Json& medium : json.value("media", Json::array())) message.media.push_back(medium_of(medium, media));
  return message;
}

// A header with a right checksum and wrong members was written by another program.
template <class Make>
auto understood(Make&& make) {
  try {
    return make();
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("this state cannot be understood: {}", error.what()));
  }
}

template <class Read>
auto from_file(const std::filesystem::path& path, Read&& read) {
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path))
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", path.string()));
  try {
    return read(in);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("'{}': {}", path.string(), error.what()), error.numbers());
  }
}

}  // namespace

void write_archive(const Sink& sink, const SequenceSnapshot& snapshot, const ArchiveProgress& progress) {
  Json header{{"kind", "sequence"}};
  header.update(header_of(snapshot));
  write(sink, header, snapshot.memory, progress);
}

void write_archive(const Sink& sink, const SessionArchive& archive, const ArchiveProgress& progress) {
  Json header{{"kind", "session"}, {"fingerprint", archive.fingerprint}, {"history", Json::array()}};
  for (const engine::ChatMessage& message : archive.history) header["history"].push_back(message_json(message));
  if (archive.sequence) header["sequence"] = header_of(*archive.sequence);
  if (archive.sampler) header["sampler"] = engine::to_json(*archive.sampler);
  if (archive.sequence) return write(sink, header, archive.sequence->memory, progress);
  write(sink, header, bytes_of_media(archive.history), progress);
}

SequenceSnapshot read_sequence_archive(std::istream& in, const ArchiveProgress& progress) {
  return understood([&] {
    Content content = read(in, "sequence", progress);
    return snapshot_of(content.header, std::move(content.memory));
  });
}

SessionArchive read_session_archive(std::istream& in, const ArchiveProgress& progress) {
  return understood([&] {
    Content content = read(in, "session", progress);
    SessionArchive archive{.fingerprint = content.header.at("fingerprint")};
    std::span<const std::uint8_t> media = content.memory;
    for (const Json& message : content.header.at("history")) archive.history.push_back(message_of(message, media));
    if (content.header.contains("sampler"))
      archive.sampler = engine::sampler_snapshot_from_json(content.header.at("sampler"));
    if (content.header.contains("sequence"))
      archive.sequence = snapshot_of(content.header.at("sequence"), std::move(content.memory));
    return archive;
  });
}

void write_archive(const std::filesystem::path& path, const SequenceSnapshot& snapshot,
                   const ArchiveProgress& progress) {
  write_whole_file(path.string(), [&](const Sink& sink) { write_archive(sink, snapshot, progress); });
}

void write_archive(const std::filesystem::path& path, const SessionArchive& archive, const ArchiveProgress& progress) {
  write_whole_file(path.string(), [&](const Sink& sink) { write_archive(sink, archive, progress); });
}

Sink sink_of(std::ostream& out) {
  return [&out](std::span<const std::byte> bytes) {
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!out) throw Error(ErrorCode::io, "the state could not be written as a whole");
  };
}

SequenceSnapshot read_sequence_archive(const std::filesystem::path& path, const ArchiveProgress& progress) {
  return from_file(path, [&](std::istream& in) { return read_sequence_archive(in, progress); });
}

SessionArchive read_session_archive(const std::filesystem::path& path, const ArchiveProgress& progress) {
  return from_file(path, [&](std::istream& in) { return read_session_archive(in, progress); });
}

}  // namespace plimsoll::run
