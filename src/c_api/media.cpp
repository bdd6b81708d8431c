#include "media.hpp"
#include "allocations.hpp"
#include "call.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

template <class Make>
plimsoll_error* made(plimsoll_media** media, Make&& make) {
  return emptying_call([&] {
    *place_of(media, "media") = nullptr;
    require_no_quiet_callback();
    *media = handle_of(std::make_shared<plimsoll_media>(make()));
  });
}

}  // namespace

std::vector<plimsoll::Media> plimsoll::c_api::media_of(plimsoll_media* const* media, std::uint64_t count) {
  std::vector<Media> out;
  for (plimsoll_media* one : list_of(media, count, "media")) out.push_back(found(one)->media);
  return out;
}

extern "C" {

plimsoll_error* plimsoll_model_media_marker(plimsoll_model* model, char** marker) {
  return emptying_call([&] {
    *place_of(marker, "marker") = nullptr;
    require_no_quiet_callback();
    give_text(found(model)->model.media_marker(), marker);
  });
}

plimsoll_error* plimsoll_media_from_file(plimsoll_model* model, const char* path, plimsoll_media** media) {
  return made(media, [&] { return found(model)->model.media_from_file(required_text(path, "path")); });
}

plimsoll_error* plimsoll_media_from_pixels(uint32_t width, uint32_t height, const uint8_t* rgb, uint64_t bytes,
                                           plimsoll_media** media) {
  return made(media, [&] { return plimsoll::Media::from_pixels(width, height, list_of(rgb, bytes, "pixels")); });
}

plimsoll_error* plimsoll_media_from_samples(const float* samples, uint64_t count, plimsoll_media** media) {
  return made(media, [&] { return plimsoll::Media::from_samples(list_of(samples, count, "samples")); });
}

plimsoll_error* plimsoll_media_close(plimsoll_media* media) { return closed(media); }

}  // extern "C"
