// media_fields: pictures and sounds as the APIs send them, read into a MediaList.
#pragma once
#include <optional>
#include <string>

#include "api/fields.hpp"
#include "api/media_list.hpp"

namespace plimsoll::api {

// Of the types of parts that are not text.
[[nodiscard]] bool is_medium(const std::string& type);   // a picture or a sound
[[nodiscard]] bool is_no_text(const std::string& type);  // that, a video or a file

// Such a part, as its mark: OpenAI's image_url and input_audio, those of /v1/responses (input_image), Anthropic's
// image, vLLM's audio_url. What lies elsewhere is not read yet: it has its address. Throws Problem 400 at its place.
[[nodiscard]] std::string read_medium(Fields& part, const std::string& type, const std::string& path, MediaList& media);
// In what a tool gave back: where it cannot be read, words stand for it, in the middle of a history, where nobody can
// take it out again; they may where the model does not see. The path is ignored and named then.
[[nodiscard]] std::string read_medium_of_a_tool(Fields& part, const std::string& type, const std::string& path,
                                                MediaList* media);
// A file as base64, as an address that begins with "data:", or elsewhere: at "https:", "http:" or "file:".
[[nodiscard]] std::string read_medium_text(const std::string& text, const std::string& path, MediaList& media,
                                           std::string instead = {});
// Ollama's list of them; their marks, one behind the other.
[[nodiscard]] std::string read_media_texts(const Json& list, const std::string& path, MediaList& media,
                                           const std::string& instead = {});

// Words in the place of a part that is left out.
[[nodiscard]] std::string words_for(const std::string& type);
// Those words; the path is ignored and named.
[[nodiscard]] std::string stand_in(const std::string& type, const std::string& path);

// Empty: it is none. White space between its letters is passed over; the end may be left away.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace plimsoll::api
