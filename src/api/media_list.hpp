// MediaList: the pictures and sounds of a request. A mark stands for each of them in the request's texts.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/media_file.hpp"
#include "engine/media_marks.hpp"

namespace plimsoll::api {

struct Medium {
  std::string file{};         // its bytes, as they came
  std::string address{};      // where they are to be read from, "https://..." or "file://..."; empty: they are here
  std::string path{};         // where it stands: "messages[0].content[1]"
  std::string type{};         // of its part: "image_url"
  engine::MediaFile facts{};  // where its bytes are not here yet: its kind, as its part has it
  std::string instead{};      // a tool gave it: words that may stand for it; empty: there are none
  bool is_left_out = false;   // they do
};

inline constexpr std::size_t kMostMedia = 128;
inline constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 26U;  // of a picture, as 200 MB are
inline constexpr double kMostSeconds = 1800;                           // of a sound

class MediaList {
 public:
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] const std::vector<Medium>& all() const noexcept { return all_; }
  [[nodiscard]] std::vector<Medium>& all() noexcept { return all_; }

  // Answers its mark, which nobody can guess: what somebody says is never taken for one. Throws Problem 400 where there
  // are too many, and as take_file() where its bytes are here.
  [[nodiscard]] std::string add(Medium medium);
  // The bytes of one of them, which were elsewhere. Throws Problem 400 at its place where they are of no kind that is
  // read, damaged at their beginning, or become too large.
  static void take_file(Medium& medium, std::string bytes);

  // Those marks in the request's texts.
  [[nodiscard]] const engine::MediaMarks& marks() const noexcept { return marks_; }

 private:
  engine::MediaMarks marks_;
  std::vector<Medium> all_;
};

}  // namespace plimsoll::api
