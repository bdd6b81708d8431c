// Records: what lies in the ledger's file, byte by byte. Fixed sizes, one version; each record has a checksum and one
// writer, and lies within a page or two, so that it is written by one call.
//
//   Header, then a byte for each slot: 1 where somebody may stand in it      page 0
//   and for each slot a block: Identity | Numbers, Asks, Answers | Models
//
// A slot belongs to the process that holds the lock on its byte (LedgerFile::lock), and the kernel gives that back when
// the process ends, however it ends.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace plimsoll::broker {

inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::size_t kSlots = 256;
inline constexpr std::size_t kAccounts = 24;
inline constexpr std::size_t kModels = 128;
inline constexpr std::size_t kParts = 3;
inline constexpr std::size_t kAsks = 16;

inline constexpr std::array<char, 16> kMagic{'p', 'l', 'i', 'm', 's', 'o', 'l', 'l', ' ', 'l', 'e', 'd', 'g', 'e', 'r'};

struct Header {
  std::array<char, 16> magic = kMagic;
  std::uint32_t version = kVersion;  // here in every version
  std::uint32_t slots = kSlots;
  std::uint64_t checksum = 0;
  std::array<char, 40> boot{};  // what a file on a disk held before the machine was started again is nobody's
};

struct KeyRecord {
  std::array<char, 24> pci{};
  std::array<char, 48> uuid{};
  std::array<char, 48> name{};
};

// Who: written when it joins, and when it opens an account.
struct Identity {
  std::uint64_t checksum = 0;
  std::uint64_t incarnation = 0;  // random, one for each time that somebody joins
  std::uint64_t keys = 0;         // how many accounts it has opened
  std::uint64_t start_ticks = 0;  // of its process, since the machine was started
  std::uint64_t pid_namespace = 0;
  std::uint64_t joined_ms = 0;
  std::int64_t pid = 0;
  std::array<char, 48> program{};
  std::array<KeyRecord, kAccounts> accounts{};
};

// One account. `placed` and `given` only grow: their difference is what is taken, and what changed between two looks
// can be told.
struct Number {
  std::uint64_t reserved = 0;
  std::uint64_t asking = 0;     // announced, not granted: counts for others as if it were
  std::uint64_t expecting = 0;  // others have been asked to let so much go
  std::uint64_t placed = 0;
  std::uint64_t given = 0;
  std::uint64_t known_when_noticed = 0;  // of a dead one: what was free, or taken by the living
};

// How much: written again and again, as far as `count` goes.
struct Numbers {
  std::uint64_t checksum = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t keys = 0;
  std::uint64_t died_ms = 0;  // somebody noticed then that its process is gone; 0: it is not
  std::uint64_t expecting_since_ms = 0;
  std::uint64_t expecting_until_ms = 0;
  std::uint64_t count = 0;
  std::array<Number, kAccounts> accounts{};
};

struct PartRecord {
  std::uint64_t account = 0;
  std::uint64_t reserved = 0;
  std::uint64_t taken = 0;
  std::uint64_t comes_back = 0;
};

struct ModelRecord {
  std::array<char, 64> name{};
  std::uint64_t idle_since_ms = 0;
  std::uint64_t reload_ms = 0;
  std::int32_t priority = 0;
  std::uint8_t work = 0;
  std::uint8_t can_go = 0;
  std::uint16_t parts = 0;
  std::int32_t process = 0;
  std::uint32_t restarts = 0;
  std::array<PartRecord, kParts> part{};
};

struct Models {
  std::uint64_t checksum = 0;
  std::uint64_t incarnation = 0;
  std::uint32_t count = 0;
  std::uint32_t left_out = 0;
  std::array<ModelRecord, kModels> models{};
};

// What its process asks of others, each one model that may go.
struct AskRecord {
  std::uint64_t id = 0;
  std::uint64_t of = 0;  // the incarnation that is asked
  std::uint64_t even_at_work = 0;
  std::array<char, 64> model{};
};

struct Asks {
  std::uint64_t checksum = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t count = 0;
  std::array<AskRecord, kAsks> asks{};
};

struct AnswerRecord {
  std::uint64_t id = 0;  // of the ask
  std::uint64_t goes = 0;
};

// What its process has answered to the latest asks of others.
struct Answers {
  std::uint64_t checksum = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t count = 0;
  std::array<AnswerRecord, kAsks> answers{};
};

inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kActiveAt = 512;
inline constexpr std::size_t kBlocksAt = kPage;
inline constexpr std::size_t kNumbersAt = kPage;  // within a block
inline constexpr std::size_t kAsksAt = kPage + 1280;
inline constexpr std::size_t kAnswersAt = kPage + 3072;
inline constexpr std::size_t kModelsAt = 2 * kPage;
inline constexpr std::size_t kBlockBytes = 9 * kPage;
static_assert(sizeof(Header) <= kActiveAt && kActiveAt + kSlots <= kPage);
static_assert(sizeof(Identity) <= kPage && kNumbersAt + sizeof(Numbers) <= kAsksAt);
static_assert(kAsksAt + sizeof(Asks) <= kAnswersAt && kAnswersAt + sizeof(Answers) <= 2 * kPage);
static_assert(kModelsAt + sizeof(Models) <= kBlockBytes);

template <class Record>
concept IsRecord = std::has_unique_object_representations_v<Record> && std::is_trivially_copyable_v<Record>;
static_assert(IsRecord<Header> && IsRecord<Identity> && IsRecord<Numbers> && IsRecord<Models> && IsRecord<Asks> &&
              IsRecord<Answers>);

// Against damage and half-read records, not against malice. Of whole words.
[[nodiscard]] inline std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0xCBF29CE484222325ULL + bytes.size();
  for (std::size_t i = 0; i + sizeof(std::uint64_t) <= bytes.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    value = (value ^ word) * 0x9E3779B97F4A7C15ULL;
    value ^= value >> 29U;
  }
  return value;
}

// How much of a record is in use: what a writer writes and a checksum is about.
[[nodiscard]] inline std::size_t used_bytes(const Identity&) noexcept { return sizeof(Identity); }
[[nodiscard]] inline std::size_t used_bytes(const Numbers& numbers) noexcept {
  return offsetof(Numbers, accounts) + std::min<std::size_t>(numbers.count, kAccounts) * sizeof(Number);
}
[[nodiscard]] inline std::size_t used_bytes(const Models& models) noexcept {
  return offsetof(Models, models) + std::min<std::size_t>(models.count, kModels) * sizeof(ModelRecord);
}
[[nodiscard]] inline std::size_t used_bytes(const Asks& asks) noexcept {
  return offsetof(Asks, asks) + std::min<std::size_t>(asks.count, kAsks) * sizeof(AskRecord);
}
[[nodiscard]] inline std::size_t used_bytes(const Answers& answers) noexcept {
  return offsetof(Answers, answers) + std::min<std::size_t>(answers.count, kAsks) * sizeof(AnswerRecord);
}

// Of everything behind the checksum itself, which comes first.
template <IsRecord Record>
[[nodiscard]] std::uint64_t checksum_of_record(const Record& record) noexcept {
  return checksum_of(std::as_bytes(std::span(&record, 1))
                         .subspan(sizeof record.checksum, used_bytes(record) - sizeof record.checksum));
}
[[nodiscard]] inline std::uint64_t checksum_of_header(Header header) noexcept {
  header.checksum = 0;
  return checksum_of(std::as_bytes(std::span(&header, 1)));
}

// Text in a field of fixed size: cut where it is too long, and ended by a zero.
template <std::size_t Size>
void put(std::array<char, Size>& field, std::string_view text) noexcept {
  field.fill('\0');
  std::memcpy(field.data(), text.data(), std::min(text.size(), Size - 1));
}
template <std::size_t Size>
[[nodiscard]] std::string text_of(const std::array<char, Size>& field) {
  return {field.data(), strnlen(field.data(), Size)};
}

}  // namespace plimsoll::broker
