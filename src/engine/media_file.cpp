#include "engine/media_file.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace plimsoll::engine {
namespace {

using MediaKind = MediaFile::Kind;

// Bytes by their place; zeros behind the end.
class FileBytes {
 public:
  explicit FileBytes(std::span<const std::uint8_t> file) : file_(file) {}

  [[nodiscard]] std::size_t size() const noexcept { return file_.size(); }
  [[nodiscard]] std::uint8_t at(std::size_t place) const { return place < file_.size() ? file_[place] : 0; }
  [[nodiscard]] std::uint64_t big(std::size_t place, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8U | at(place + i);
    return value;
  }
  [[nodiscard]] std::uint64_t little(std::size_t place, std::size_t count) const {
    std::uint64_t value = 0;
    for (std::size_t i = count; i > 0; --i) value = value << 8U | at(place + i - 1);
    return value;
  }
  [[nodiscard]] bool says(std::size_t place, std::string_view word) const {
    if (place > file_.size() || file_.size() - place < word.size()) return false;
    return std::ranges::equal(file_.subspan(place, word.size()), word,
                              [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
  }

 private:
  std::span<const std::uint8_t> file_;
};

MediaFile picture(std::string_view format, std::uint64_t width, std::uint64_t height) {
  return {.kind = MediaKind::picture,
          .format = format,
          .is_read = true,
          .width = static_cast<std::uint32_t>(width),
          .height = static_cast<std::uint32_t>(height)};
}

MediaFile png(const FileBytes& file) {
  const bool is_whole = file.says(12, "IHDR");
  return picture("PNG", is_whole ? file.big(16, 4) : 0, is_whole ? file.big(20, 4) : 0);
}

MediaFile gif(const FileBytes& file) { return picture("GIF", file.little(6, 2), file.little(8, 2)); }

MediaFile bmp(const FileBytes& file) {
  if (file.little(14, 4) == 12) return picture("BMP", file.little(18, 2), file.little(20, 2));
  const auto height = static_cast<std::int32_t>(file.little(22, 4));  // below 0: from the top
  const std::int64_t rows = height < 0 ? -std::int64_t{height} : std::int64_t{height};
  return picture("BMP", file.little(18, 4), static_cast<std::uint64_t>(rows));
}

// Other headers are no BMP to the engine.
bool is_bmp(const FileBytes& file) {
  constexpr std::array<std::uint64_t, 5> kHeaders{12, 40, 56, 108, 124};
  return file.says(0, "BM") && std::ranges::contains(kHeaders, file.little(14, 4));
}

// The first frame's header: markers with what belongs to them come before it.
MediaFile jpeg(const FileBytes& file) {
  std::size_t place = 2;
  while (place < file.size()) {
    if (file.at(place++) != 0xFF) continue;
    while (place < file.size() && file.at(place) == 0xFF) ++place;
    const std::uint8_t marker = file.at(place++);
    if (marker == 0xC0 || marker == 0xC1 || marker == 0xC2)
      return picture("JPEG", file.big(place + 5, 2), file.big(place + 3, 2));
    const std::uint64_t size = file.big(place, 2);
    if (size < 2) break;
    place += size;
  }
  return picture("JPEG", 0, 0);
}

MediaFile sound(std::string_view format, double seconds) {
  return {.kind = MediaKind::sound, .format = format, .is_read = true, .seconds = seconds};
}

// Of its first block: 20 bits of the rate, 8 of other things, 36 of how many samples there are.
MediaFile flac(const FileBytes& file) {
  const std::uint64_t facts = file.big(18, 8);
  const std::uint64_t rate = facts >> 44U;
  const std::uint64_t samples = facts & ((std::uint64_t{1} << 36U) - 1);
  const bool is_whole = (file.at(4) & 0x7FU) == 0 && rate > 0;
  return sound("FLAC", is_whole ? static_cast<double>(samples) / static_cast<double>(rate) : 0);
}

// Bytes of a second; nothing: it is compressed, or makes no sense.
std::optional<double> bytes_of_a_second(const FileBytes& file, std::size_t format) {
  constexpr std::uint64_t kPcm = 1;
  constexpr std::uint64_t kFloat = 3;
  constexpr std::uint64_t kExtensible = 0xFFFE;
  std::uint64_t tag = file.little(format, 2);
  if (tag == kExtensible) tag = file.little(format + 24, 2);
  const std::uint64_t channels = file.little(format + 2, 2);
  const std::uint64_t rate = file.little(format + 4, 4);
  const std::uint64_t bits = file.little(format + 14, 2);
  const bool is_plain = (tag == kPcm && (bits == 8 || bits == 16 || bits == 24 || bits == 32)) ||
                        (tag == kFloat && (bits == 32 || bits == 64));
  if (!is_plain || channels < 1 || channels > 8 || rate < 1) return std::nullopt;
  return static_cast<double>(rate * channels * (bits / 8));
}

// One description of the samples, and then samples that are all there: the engine's decoder believes both.
MediaFile wav(const FileBytes& file) {
  std::optional<double> rate;
  std::optional<double> seconds;
  std::size_t formats = 0;
  for (std::size_t place = 12; place + 8 <= file.size();) {
    const std::uint64_t size = file.little(place + 4, 4);
    const std::size_t begin = place + 8;
    if (file.says(place, "fmt ")) {
      rate = bytes_of_a_second(file, begin);
      ++formats;
    } else if (file.says(place, "data") && !seconds) {
      if (!rate || size > file.size() - begin) break;
      seconds = static_cast<double>(size) / *rate;
    }
    place = begin + size + size % 2;
  }
  MediaFile out = sound("WAV", formats == 1 ? seconds.value_or(0) : 0);
  out.is_read = rate.has_value();
  return out;
}

MediaFile not_read(MediaKind kind, std::string_view format) { return {.kind = kind, .format = format}; }

MediaFile of_others(const FileBytes& file) {
  if (file.says(0, "RIFF") && file.says(8, "WEBP")) return not_read(MediaKind::picture, "WebP");
  if (file.says(4, "ftyp")) {
    for (const char* brand : {"heic", "heix", "mif1", "hevc"}) {
      if (file.says(8, brand)) return not_read(MediaKind::picture, "HEIC");
    }
    if (file.says(8, "avif")) return not_read(MediaKind::picture, "AVIF");
    return not_read(MediaKind::unknown, "MP4");
  }
  if (file.says(0, "II*") || file.says(0, "MM")) return not_read(MediaKind::picture, "TIFF");
  if (file.says(0, "<svg") || file.says(0, "<?xml")) return not_read(MediaKind::picture, "SVG");
  if (file.says(0, "%PDF")) return not_read(MediaKind::unknown, "PDF");
  if (file.says(0, "OggS")) return not_read(MediaKind::sound, "Ogg");
  // How long it becomes is known once all of it has been gone through.
  const bool is_mp3 = file.says(0, "ID3") || (file.at(0) == 0xFF && (file.at(1) & 0xE0U) == 0xE0);
  return is_mp3 ? not_read(MediaKind::sound, "MP3") : MediaFile{};
}

}  // namespace

MediaFile look_at_media_file(std::span<const std::uint8_t> bytes) {
  const FileBytes file(bytes);
  if (file.says(0, "\x89PNG\r\n\x1A\n")) return png(file);
  if (file.says(0, "\xFF\xD8\xFF")) return jpeg(file);
  if (is_bmp(file)) return bmp(file);
  if (file.says(0, "GIF87a") || file.says(0, "GIF89a")) return gif(file);
  if (file.says(0, "fLaC")) return flac(file);
  if (file.says(0, "RIFF") && file.says(8, "WAVE")) return wav(file);
  return of_others(file);
}

}  // namespace plimsoll::engine
