#include "png_size.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace plimsoll::server {
namespace {

using File = std::span<const std::uint8_t>;

constexpr std::size_t kSignature = 8;
constexpr std::size_t kFrame = 12;  // of a chunk: its size, its name, a checksum

std::uint64_t number_at(File file, std::size_t place) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | (place + i < file.size() ? file[place + i] : 0);
  return value;
}

bool is_called(File file, std::size_t place, std::string_view name) {
  if (file.size() - place < kFrame - 4) return false;
  return std::ranges::equal(file.subspan(place + 4, 4), name,
                            [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

// Rows of pixels, each behind a byte; twice that, since rows may be woven (Adam7), and a little more.
std::uint64_t most_unpacked(File png) {
  constexpr std::array<std::uint64_t, 7> kChannels{1, 0, 3, 1, 2, 0, 4};  // by the kind of colours
  constexpr std::uint64_t kALittle = 65536;
  constexpr std::size_t kFacts = kSignature + 8;  // width, height, bits, kind of colours
  if (png.size() < kFacts + 10) return kALittle;
  const std::uint64_t bits = png[kFacts + 8] * kChannels[std::min<std::size_t>(png[kFacts + 9], kChannels.size() - 1)];
  const std::uint64_t row = 1 + (number_at(png, kFacts) * bits + 7) / 8;
  return 2 * row * number_at(png, kFacts + 4) + kALittle;
}

// Counts what comes out of a zlib stream whose header is not looked at, as the decoder looks at little of it.
class Unpacked {
 public:
  explicit Unpacked(std::uint64_t most) : most_(most) {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) state_ = Z_MEM_ERROR;
  }
  ~Unpacked() { inflateEnd(&stream_); }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;

  // False: it is too much, or damaged.
  [[nodiscard]] bool add(File packed) {
    const std::size_t header = std::min(packed.size(), header_);
    header_ -= header;
    packed = packed.subspan(header);
    stream_.next_in = const_cast<std::uint8_t*>(packed.data());  // NOLINT(*-const-cast): zlib reads it
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (state_ == Z_OK && stream_.avail_in > 0 && count_ <= most_) unpack();
    return count_ <= most_ && (state_ == Z_OK || state_ == Z_STREAM_END);
  }

 private:
  void unpack() {
    stream_.next_out = buffer_.data();
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    state_ = inflate(&stream_, Z_NO_FLUSH);
    count_ += buffer_.size() - stream_.avail_out;
    if (state_ == Z_BUF_ERROR) state_ = Z_OK;  // it waits for more
  }

  z_stream stream_{};
  std::array<std::uint8_t, 32768> buffer_{};
  std::uint64_t most_;
  std::uint64_t count_ = 0;
  std::size_t header_ = 2;  // bytes of it that are still to come
  int state_ = Z_OK;
};

}  // namespace

bool unpacks_to_its_size(File png) {
  Unpacked unpacked(most_unpacked(png));
  for (std::size_t place = kSignature; place < png.size();) {
    const std::uint64_t size = number_at(png, place);
    const std::size_t begin = std::min(place + 8, png.size());
    const File inside = png.subspan(begin, std::min<std::size_t>(size, png.size() - begin));
    if (is_called(png, place, "CgBI")) return false;  // Apple's own kind, packed in another way
    if (is_called(png, place, "IDAT") && !unpacked.add(inside)) return false;
    place += kFrame + size;
  }
  return true;
}

}  // namespace plimsoll::server
