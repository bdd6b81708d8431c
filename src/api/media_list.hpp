// MediaList: the pictures and sounds of a request. A mark stands for each of them in the request's texts.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/media_file.hpp"

namespace plimsoll::api {

struct Medium {
  std::string file{};  // its bytes, as they came
  std::string path{};  // where it stands: "messages[0].content[1]"
  std::string type{};  // of its part: "image_url"
  engine::MediaFile facts{};
  std::string instead{};     // a tool gave it: words that may stand for it; empty: there are none
  bool is_left_out = false;  // they do
};

inline constexpr std::size_t kMostMedia = 128;
inline constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 26U;  // of a picture, as 200 MB are
inline constexpr double kMostSeconds = 1800;                           // of a sound

class MediaList {
 public:
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] const std::vector<Medium>& all() const noexcept { return all_; }
  [[nodiscard]] std::vector<Medium>& all() noexcept { return all_; }

  // Answers its mark, which nobody can guess: what somebody says is never taken for one. Throws Problem 400 where it is
  // of no kind that is read, damaged at its beginning, or becomes too large; and where there are too many.
  [[nodiscard]] std::string add(Medium medium);

  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t medium = 0;  // of all()
    friend bool operator==(const Place&, const Place&) = default;
  };
  [[nodiscard]] std::vector<Place> places_in(std::string_view text) const;
  // With something else in the place of each mark; empty where `what` gives nothing: the mark stays.
  template <class What>
  [[nodiscard]] std::string with_marks_replaced(std::string_view text, What what) const {
    std::string out;
    std::size_t at = 0;
    for (const Place& place : places_in(text)) {
      const std::string instead = what(place.medium);
      out += text.substr(at, place.begin - at);
      out += instead.empty() ? std::string(text.substr(place.begin, place.end - place.begin)) : instead;
      at = place.end;
    }
    return out += text.substr(at);
  }

 private:
  std::string mark_;  // without its number
  std::vector<Medium> all_;
};

}  // namespace plimsoll::api
