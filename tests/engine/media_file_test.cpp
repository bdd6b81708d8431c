// What files of pictures and sounds say of themselves: sizes, before anything is decoded, and kinds that are not read.
#include <gtest/gtest.h>

#include <string>

#include "engine/media_file.hpp"

namespace plimsoll::engine {
namespace {

using Kind = MediaFile::Kind;

MediaFile look_at(const std::string& file) {
  return look_at_media_file({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

std::string little(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string big(std::uint32_t value, int bytes) {
  const std::string turned = little(value, bytes);
  return {turned.rbegin(), turned.rend()};
}

void expect_picture(const std::string& file, std::string_view format, std::uint32_t width, std::uint32_t height) {
  const MediaFile seen = look_at(file);
  EXPECT_EQ(seen.kind, Kind::picture);
  EXPECT_EQ(seen.format, format);
  EXPECT_TRUE(seen.is_read);
  EXPECT_EQ(seen.width, width);
  EXPECT_EQ(seen.height, height);
}

const std::string kPng = "\x89PNG\r\n\x1A\n";

TEST(MediaFiles, PicturesSayHowLargeTheyBecome) {
  expect_picture(kPng + big(13, 4) + "IHDR" + big(60'000, 4) + big(50'000, 4), "PNG", 60'000, 50'000);
  expect_picture("GIF89a" + little(640, 2) + little(480, 2), "GIF", 640, 480);
  const std::string bmp = "BM" + little(0, 12) + little(40, 4) + little(64, 4);
  expect_picture(bmp + little(48, 4), "BMP", 64, 48);
  expect_picture(bmp + little(static_cast<std::uint32_t>(-48), 4), "BMP", 64, 48);
  expect_picture("BM" + little(0, 12) + little(12, 4) + little(7, 2) + little(9, 2), "BMP", 7, 9);
}

TEST(MediaFiles, AJpegSaysItBehindWhatBelongsToOtherMarkers) {
  const std::string begin = "\xFF\xD8";
  const std::string notes = "\xFF\xE0" + big(6, 2) + "JFIF";
  const std::string frame = big(17, 2) + "\x08" + big(300, 2) + big(400, 2);
  expect_picture(begin + notes + "\xFF\xC0" + frame, "JPEG", 400, 300);
  expect_picture(begin + notes + "\xFF\xFF\xC2" + frame, "JPEG", 400, 300);  // progressive; filled up
  const std::string inside = std::string("\xFF\xC0") + big(17, 2) + "\x08" + big(1, 2) + big(1, 2);
  expect_picture(
      begin + "\xFF\xE1" + big(static_cast<std::uint32_t>(2 + inside.size()), 2) + inside + "\xFF\xC1" + frame, "JPEG",
      400, 300);  // a small picture in its notes
  expect_picture(begin + notes, "JPEG", 0, 0);
}

TEST(MediaFiles, WhatIsCutShortHasNoSize) {
  expect_picture(kPng + big(13, 4), "PNG", 0, 0);
  expect_picture("GIF89a", "GIF", 0, 0);
  expect_picture(kPng + big(4, 4) + "CgBI" + big(0, 4), "PNG", 0, 0);
}

std::string wav(std::uint32_t tag, std::uint32_t rate, std::uint32_t bits, std::uint32_t said,
                const std::string& data) {
  const std::string format = little(tag, 2) + little(1, 2) + little(rate, 4) + little(rate * bits / 8, 4) +
                             little(bits / 8, 2) + little(bits, 2);
  return "RIFF" + little(0, 4) + "WAVEfmt " + little(16, 4) + format + "data" + little(said, 4) + data;
}

TEST(MediaFiles, SoundsSayHowLongTheyBecome) {
  const MediaFile seen = look_at(wav(1, 8000, 16, 32'000, std::string(32'000, '\0')));
  EXPECT_EQ(seen.kind, Kind::sound);
  EXPECT_TRUE(seen.is_read);
  EXPECT_DOUBLE_EQ(seen.seconds, 2);
  EXPECT_DOUBLE_EQ(look_at(wav(1, 1, 8, 4000, std::string(4000, '\0'))).seconds, 4000) << "a second for each byte";

  std::string flac = "fLaC" + std::string(1, '\0') + big(34, 3) + std::string(10, '\0');
  flac += big(44'100U << 4U >> 8U, 2) + big((44'100U << 4U) & 0xFFU, 1) + std::string(1, '\x0F') + big(44'100 * 3, 4);
  const MediaFile found = look_at(flac);
  EXPECT_EQ(found.format, "FLAC");
  EXPECT_NEAR(found.seconds, (15.0 * 4294967296.0 + 132'300) / 44'100, 1);
}

TEST(MediaFiles, ASoundWhoseLengthIsNotToBeBelievedHasNone) {
  EXPECT_EQ(look_at(wav(1, 8000, 16, 0xFFFFFFFF, std::string(100, '\0'))).seconds, 0) << "more than there is";
  const MediaFile packed = look_at(wav(2, 8000, 4, 100, std::string(100, '\0')));
  EXPECT_EQ(packed.kind, Kind::sound);
  EXPECT_FALSE(packed.is_read);
  const std::string once = wav(1, 8000, 16, 4, std::string(4, '\0'));
  EXPECT_EQ(look_at(once + once.substr(12)).seconds, 0) << "described twice";
}

TEST(MediaFiles, OthersAreCalledByTheirNames) {
  EXPECT_EQ(look_at("RIFF....WEBPVP8 ").format, "WebP");
  EXPECT_EQ(look_at(std::string("\0\0\0\x18"
                                "ftypheic",
                                12))
                .format,
            "HEIC");
  EXPECT_EQ(look_at("ID3\x04").format, "MP3");
  EXPECT_EQ(look_at("<svg xmlns=").format, "SVG");
  EXPECT_FALSE(look_at("ID3\x04").is_read);
  EXPECT_EQ(look_at("words").kind, Kind::unknown);
  EXPECT_EQ(look_at("").kind, Kind::unknown);
  EXPECT_EQ(look_at("BM and no bitmap").kind, Kind::unknown) << "the engine would take it for something else";
}

}  // namespace
}  // namespace plimsoll::engine
