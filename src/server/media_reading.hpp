// MediaReading: pictures and sounds that a request names by an address, read from there.
#pragma once
#include <stop_token>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "api/text_request.hpp"
#include "server/media_source_rules.hpp"

#include "media_prompt.hpp"
#include "request_memory.hpp"

namespace plimsoll::server {

// Where to, how much, and for how long.
struct MediaReading {
  const MediaSourceRules& rules;
  Bytes most;  // of all files of the request together
  RequestMemory::Share& memory;
  std::stop_token stop;
};

// What the model takes of a request's media: those that are elsewhere are read, one after the other. As
// require_senses(); and one that a tool gave is left out where it cannot be read, too. Throws api::Problem: 400 at the
// first other one that cannot be read, 503 where the host's budget has no room; Error{cancelled}.
void bring_media(api::TextRequest& request, const MediaSenses& senses, const std::string& model,
                 const MediaReading& reading);

}  // namespace plimsoll::server
