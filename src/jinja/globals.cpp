// Functions that templates find without defining them.
#include <array>
#include <ctime>

#include "builtins.hpp"
#include "print.hpp"
#include "renderer.hpp"

namespace plimsoll::jinja {
namespace {

constexpr Integer kLongestRange = 100'000;  // the sandbox's

class Function final : public Native {
 public:
  using Work = Value (*)(Renderer&, const Args&);
  Function(std::string_view name, Work work) : name_(name), work_(work) {}
  [[nodiscard]] std::string describe() const override { return fmt::format("<function {}>", name_); }
  Value call(Renderer& renderer, const Args& args) override { return work_(renderer, args); }

 private:
  std::string_view name_;
  Work work_;
};

// cycler('a', 'b'): one after the other.
class Cycler final : public Native, public std::enable_shared_from_this<Cycler> {
 public:
  explicit Cycler(const std::vector<Value>& items) : items_(make(Shape::list, items)) {}
  [[nodiscard]] bool callable() const override { return false; }
  [[nodiscard]] std::string describe() const override { return "<Cycler>"; }
  [[nodiscard]] std::size_t depth() const override { return items_.depth(); }
  std::optional<Value> attribute(std::string_view name) override;
  [[nodiscard]] const Value& current() const { return items_.sequence()->items[at_]; }
  void step() { at_ = (at_ + 1) % items_.sequence()->items.size(); }
  void reset() { at_ = 0; }

 private:
  Value items_;
  std::size_t at_ = 0;
};

class CyclerMethod final : public Native {
 public:
  CyclerMethod(std::shared_ptr<Cycler> cycler, bool next) : cycler_(std::move(cycler)), next_(next) {}
  [[nodiscard]] std::string describe() const override { return "<method of a cycler>"; }
  [[nodiscard]] std::size_t depth() const override { return cycler_->depth() + 1; }
  Value call(Renderer&, const Args&) override {
    if (!next_) return cycler_->reset(), Value();
    Value current = cycler_->current();
    cycler_->step();
    return current;
  }

 private:
  std::shared_ptr<Cycler> cycler_;
  bool next_;
};

std::optional<Value> Cycler::attribute(std::string_view name) {
  if (name == "current") return current();
  if (name == "next" || name == "reset")
    return Value(std::make_shared<CyclerMethod>(shared_from_this(), name == "next"));
  return std::nullopt;
}

// joiner(', '): nothing at first, then the separator.
class Joiner final : public Native {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  [[nodiscard]] std::string describe() const override { return "<Joiner>"; }
  Value call(Renderer&, const Args&) override { return std::exchange(used_, true) ? separator_ : Value(""); }

 private:
  Value separator_;
  bool used_ = false;
};

Value range(Renderer&, const Args& args) {
  if (args.values.empty() || args.values.size() > 3) fail("'range' takes one to three numbers");
  const bool one = args.values.size() == 1;
  const Integer start = one ? 0 : args.integer(0, "start", 0);
  const Integer stop = args.integer(one ? 0 : 1, "stop", 0);
  const Integer step = args.integer(2, "step", 1);
  if (step == 0) fail("the step of 'range' is 0");
  const Integer span = step > 0 ? stop - start : start - stop;
  const Integer size = step > 0 ? step : -step;
  const Integer count = span <= 0 ? 0 : (span + size - 1) / size;
  if (count > kLongestRange) fail("a range of more than {} numbers is too long", kLongestRange);
  std::vector<Value> items;
  for (Integer i = 0; i < count; ++i) items.emplace_back(start + i * step);
  charge_items(items.size());
  return make(Shape::range, std::move(items));
}

// The entries that dict() and namespace() are given: of a dict or of pairs, and by name.
template <class Set>
void each_entry(const Args& args, Set set) {
  if (!args.values.empty() && args.values[0].dict() != nullptr) {
    for (const auto& [key, value] : args.values[0].dict()->entries()) set(key, value);
  } else if (!args.values.empty()) {
    for (const Value& pair : iterate(args.values[0])) {
      const std::vector<Value> both = iterate(pair);
      if (both.size() != 2) fail("a dict is made of pairs");
      set(both[0], both[1]);
    }
  }
  for (const auto& [name, value] : args.named) set(name_value(name), value);
}

Value dict(Renderer&, const Args& args) {
  auto made = std::make_shared<Dict>();
  each_entry(args, [&](const Value& key, const Value& value) { made->set(key, value); });
  return std::shared_ptr<const Dict>(std::move(made));
}

Value name_space(Renderer& renderer, const Args& args) {
  auto made = std::make_shared<Namespace>();
  each_entry(args, [&](const Value& key, const Value& value) { made->set(str(key), value); });
  renderer.keep(made);
  return Value(std::move(made));
}

Value cycler(Renderer&, const Args& args) {
  if (args.values.empty()) fail("'cycler' needs values");
  return Value(std::make_shared<Cycler>(args.values));
}

Value joiner(Renderer&, const Args& args) {
  return Value(std::make_shared<Joiner>(Value(marked_str(args.get(0, "sep", Value(", "))))));
}

Value raise_exception(Renderer&, const Args& args) { throw Failure(str(args.need(0, "message"))); }

Value strftime_now(Renderer& renderer, const Args& args) {
  const MarkedText& marked = marked_text_of(args.need(0, "format"));
  const std::string& form = marked.text;
  if (form.empty()) return Value("");
  const std::time_t seconds = std::chrono::system_clock::to_time_t(renderer.now());
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 1024> text{};
  return Value(made_of(marked, {text.data(), std::strftime(text.data(), text.size(), form.c_str(), &parts)}));
}

}  // namespace

std::optional<Value> find_global(std::string_view name) {
  static constexpr std::pair<std::string_view, Function::Work> kFunctions[] = {{"range", range},
                                                                               {"dict", dict},
                                                                               {"namespace", name_space},
                                                                               {"cycler", cycler},
                                                                               {"joiner", joiner},
                                                                               {"raise_exception", raise_exception},
                                                                               {"strftime_now", strftime_now}};
  for (const auto& [known, work] : kFunctions) {
    if (known == name) return Value(std::make_shared<Function>(known, work));
  }
  return std::nullopt;
}

}  // namespace plimsoll::jinja
