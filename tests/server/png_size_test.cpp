#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "png_size.hpp"

namespace plimsoll::server {
namespace {

std::string number(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> static_cast<unsigned>(shift));
  return out;
}

std::string chunk(const std::string& name, const std::string& inside) {
  return number(static_cast<std::uint32_t>(inside.size())) + name + inside + number(0);
}

std::string packed(std::size_t size) {
  const std::string plain(size, '\0');
  std::string out(compressBound(plain.size()), '\0');
  uLongf length = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &length, reinterpret_cast<const Bytef*>(plain.data()),
                     plain.size()),
            Z_OK);
  out.resize(length);
  return out;
}

// Of colours of three bytes.
std::string png(std::uint32_t width, std::uint32_t height, const std::string& behind) {
  return "\x89PNG\r\n\x1A\n" + chunk("IHDR", number(width) + number(height) + std::string("\x08\x02\0\0\0", 5)) +
         behind;
}

bool unpacks(const std::string& file) {
  return unpacks_to_its_size({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
}

TEST(PngSizeTest, APictureBecomesWhatItSays) {
  const std::string inside = packed(300 * (1 + 3 * 400));
  EXPECT_TRUE(unpacks(png(400, 300, chunk("IDAT", inside) + chunk("IEND", ""))));
  const std::string in_pieces = chunk("IDAT", inside.substr(0, 1)) + chunk("IDAT", inside.substr(1, 7)) +
                                chunk("tEXt", "said between") + chunk("IDAT", inside.substr(8));
  EXPECT_TRUE(unpacks(png(400, 300, in_pieces)));
}

TEST(PngSizeTest, WhatBecomesMoreIsFoundInOneOrInManyPieces) {
  const std::string inside = packed(16 << 20);
  EXPECT_LT(inside.size(), 20'000U);
  EXPECT_FALSE(unpacks(png(1, 1, chunk("IDAT", inside))));
  EXPECT_FALSE(unpacks(png(400, 300, chunk("IDAT", inside))));
  std::string in_pieces;
  for (std::size_t at = 0; at < inside.size(); at += 100) in_pieces += chunk("IDAT", inside.substr(at, 100));
  EXPECT_FALSE(unpacks(png(400, 300, in_pieces)));
  EXPECT_TRUE(unpacks(png(4096, 4096, in_pieces)));
}

TEST(PngSizeTest, WhatZlibDoesNotUnpackIsRefusedAndWhatIsCutShortIsTheDecoders) {
  std::string inside = packed(300 * (1 + 3 * 400));
  EXPECT_TRUE(unpacks(png(400, 300, chunk("IDAT", inside).substr(0, 20))));
  inside[2] = '\x07';  // a kind of block that there is not
  EXPECT_FALSE(unpacks(png(400, 300, chunk("IDAT", inside))));
  EXPECT_FALSE(unpacks(png(400, 300, chunk("CgBI", "....") + chunk("IDAT", "."))));
  const std::string whole = png(1, 1, chunk("IDAT", packed(4)));
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_TRUE(unpacks(whole.substr(0, size))) << size;
}

}  // namespace
}  // namespace plimsoll::server
