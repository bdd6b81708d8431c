#include "loop.hpp"

#include <algorithm>

namespace plimsoll::jinja {

// loop.cycle and loop.changed.
class LoopMethod final : public Native {
 public:
  LoopMethod(std::shared_ptr<Loop> loop, bool cycle) : loop_(std::move(loop)), cycle_(cycle) {}
  [[nodiscard]] std::string describe() const override { return cycle_ ? "loop.cycle" : "loop.changed"; }
  Value call(Renderer&, const Args& args) override { return cycle_ ? loop_->cycle(args) : loop_->changed(args); }

 private:
  std::shared_ptr<Loop> loop_;
  bool cycle_;
};

Loop::Loop(const For& syntax, const Value& items, std::size_t depth, std::shared_ptr<Scope> around,
           std::function<bool(const Value&)> accepts)
    : syntax_(syntax),
      items_(items.sequence() != nullptr ? items : make(Shape::list, iterate(items))),
      depth_(depth),
      around_(std::move(around)),
      accepts_(std::move(accepts)) {
  const Sequence& row = *items_.sequence();
  if (row.shape != Shape::iterator && !accepts_) length_ = static_cast<Integer>(row.items.size());
}

std::optional<Value> Loop::fetch() {
  if (items_.sequence() == nullptr) return std::nullopt;  // it has ended
  Sequence& row = *items_.sequence();
  std::size_t& next = row.shape == Shape::iterator ? row.next : next_;
  while (next < row.items.size()) {
    const Value& item = row.items[next++];
    if (!accepts_ || accepts_(item)) return item;
  }
  return std::nullopt;
}

std::optional<Value> Loop::advance() {
  std::optional<Value> item = after_ ? std::exchange(after_, std::nullopt) : fetch();
  if (!item) return item;
  ++index_;
  before_ = std::exchange(current_, item);
  return item;
}

void Loop::finish() {
  items_ = Value();
  accepts_ = nullptr;
  before_ = current_ = after_ = std::nullopt;
  last_changed_.reset();
}

const std::optional<Value>& Loop::peek() {
  if (!after_) after_ = fetch();
  return after_;
}

// Where the items were not counted yet, all the rest are fetched.
Integer Loop::length() {
  if (length_) return *length_;
  std::vector<Value> rest;
  while (auto item = fetch()) rest.push_back(std::move(*item));
  length_ = static_cast<Integer>(rest.size()) + index_ + 1 + (after_ ? 1 : 0);
  items_ = make(Shape::list, std::move(rest));
  next_ = 0;
  accepts_ = nullptr;
  return *length_;
}

std::string Loop::describe() const { return fmt::format("<LoopContext {}>", index_ + 1); }

std::optional<Value> Loop::attribute(std::string_view name) {
  const auto item = [](const std::optional<Value>& value, std::string_view which) {
    return value ? *value : make_undefined(fmt::format("there is no {} item", which));
  };
  if (name == "index") return Value(index_ + 1);
  if (name == "index0") return Value(index_);
  if (name == "first") return Value(index_ == 0);
  if (name == "last") return Value(!peek().has_value());
  if (name == "length") return Value(length());
  if (name == "revindex") return Value(length() - index_);
  if (name == "revindex0") return Value(length() - index_ - 1);
  if (name == "depth") return Value(depth_ + 1);
  if (name == "depth0") return Value(depth_);
  if (name == "previtem") return item(before_, "previous");
  if (name == "nextitem") return item(peek(), "next");
  if (name == "cycle" || name == "changed")
    return Value(std::make_shared<LoopMethod>(shared_from_this(), name == "cycle"));
  return std::nullopt;
}

Value Loop::call(Renderer& renderer, const Args& args) {
  if (!syntax_.recursive) fail("only a loop marked 'recursive' can be called");
  return renderer.render_loop(syntax_, args.need(0, "iterable"), depth_ + 1, around_);
}

Value Loop::cycle(const Args& args) const {
  if (args.values.empty()) fail("loop.cycle needs values");
  return args.values[static_cast<std::size_t>(index_) % args.values.size()];
}

Value Loop::changed(const Args& args) {
  if (last_changed_ && std::ranges::equal(*last_changed_, args.values, equal)) return Value(false);
  last_changed_ = args.values;
  return Value(true);
}

}  // namespace plimsoll::jinja
