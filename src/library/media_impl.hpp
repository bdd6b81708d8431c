// Media::Impl and SavedConversation::Impl: the values behind those handles.
#pragma once
#include <memory>
#include <utility>

#include <plimsoll/conversation.hpp>
#include "engine/media.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll {

struct Media::Impl {
  engine::Media media;
};

struct SavedConversation::Impl {
  run::SequenceSnapshot snapshot;
};

namespace library {

[[nodiscard]] inline Media media(engine::Media one) {
  return Media(std::make_shared<const Media::Impl>(std::move(one)));
}
[[nodiscard]] inline SavedConversation saved(run::SequenceSnapshot snapshot) {
  return SavedConversation(std::make_shared<const SavedConversation::Impl>(std::move(snapshot)));
}

}  // namespace library
}  // namespace plimsoll
