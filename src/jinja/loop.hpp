// Loop: a template's `loop`. It looks ahead only as far as it is asked to, as Jinja2's does, so that a condition of the
// loop sees what its body has changed.
#pragma once
#include <functional>
#include <optional>

#include "renderer.hpp"

namespace plimsoll::jinja {

class Loop final : public Native, public std::enable_shared_from_this<Loop> {
 public:
  // `accepts` may be empty: every item is.
  Loop(const For& syntax, const Value& items, std::size_t depth, std::shared_ptr<Scope> around,
       std::function<bool(const Value&)> accepts);

  // The next item; none at the end.
  std::optional<Value> advance();
  // Lets go of what it holds: it may hold itself.
  void finish();

  [[nodiscard]] bool callable() const override { return syntax_.recursive; }
  [[nodiscard]] std::string describe() const override;
  std::optional<Value> attribute(std::string_view name) override;
  Value call(Renderer& renderer, const Args& args) override;

 private:
  friend class LoopMethod;
  std::optional<Value> fetch();
  const std::optional<Value>& peek();
  Integer length();
  Value cycle(const Args& args) const;
  Value changed(const Args& args);

  const For& syntax_;
  Value items_;
  std::size_t next_ = 0;
  std::size_t depth_;
  std::shared_ptr<Scope> around_;
  std::function<bool(const Value&)> accepts_;
  Integer index_ = -1;
  std::optional<Integer> length_;
  std::optional<Value> before_, current_, after_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace plimsoll::jinja
