#include "gateway/rule_program.h"

#include <algorithm>
#include <utility>

#include "gateway/condition_tokens.h"
#include "gateway/condition_tree.h"
#include "gateway/fingerprint.h"
#include "gateway/suggestion.h"

namespace sluice {
namespace {

using What = ConditionNode::What;
using Type = ConditionSyntax::Type;

// Names that no configuration can have, for what is put in the place of a part.
constexpr char kWindowMark = '\x01';
constexpr char kOtherMark = '\x02';
constexpr std::size_t kMaxWindows = 32;
constexpr std::size_t kMaxInputs = 32;
constexpr std::size_t kMaxPlaced = 1'000;  // An input that is twice in the next one, and so on, would be there 2^32 times.

bool IsMarked(const std::string& name, char mark) {
  return !name.empty() && name[0] == mark;
}

template <typename T, typename Is>
std::size_t PlaceOf(const std::vector<T>& all, const Is& is) {
  return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), is) - all.begin());
}

std::size_t PlaceOf(const std::vector<std::string>& all, const std::string& name) {
  return PlaceOf(all, [&](const std::string& one) { return one == name; });
}

bool HasName(const TopicFilter& filter, const std::string& name) {
  return PlaceOf(filter.names(), name) < filter.names().size();
}

void MoveTo(std::size_t at, ConditionNode& node) {
  node.at = at;
  for (ConditionNode& part : node.parts) MoveTo(at, part);
}

/// Compiles the parts of one rule, each mistake with its place.
class RuleCompiler {
 public:
  RuleCompiler(ConditionEngine& engine, const GatewayConfig& gateway, const RuleConfig& rule, std::vector<RuleMistake>& mistakes)
      : engine_(engine), gateway_(gateway), rule_(rule), mistakes_(mistakes) {}

  std::optional<RuleProgram> Run() {
    program_.config = rule_;
    program_.times = {rule_.for_at_least, rule_.keep_firing_for};
    MakeFeeds();
    if (!failed_) ParseInputs();
    if (!failed_) CompileInputs();
    if (!failed_) CompileConditions();
    if (!failed_) CompileTexts();
    if (failed_) return std::nullopt;
    Conclude();
    return std::move(program_);
  }

 private:
  // What an expression is compiled for.
  struct Scope {
    std::size_t feed = 0;
    std::string pointer;
    std::size_t min_samples = 0;
    std::vector<std::string> within;  // Inputs whose expressions are being put in place.
    bool in_window = false;
  };

  void Mistake(const std::string& pointer, const std::string& message) {
    mistakes_.push_back({pointer, message, false});
    failed_ = true;
  }

  // ------------------------------------------------------------------------------------------------------------- feeds

  void MakeFeeds() {
    program_.feeds.emplace_back();
    ParseFilters(rule_.match, "match", program_.feeds[0]);
    if (failed_) return;
    ChooseKey();
    ReadKey("match", program_.feeds[0]);
    if (rule_.inputs.size() > kMaxInputs) Mistake("inputs", "a rule has at most " + std::to_string(kMaxInputs) + " inputs");
    for (const RuleInputConfig& input : rule_.inputs) {
      const std::string pointer = "inputs/" + input.name + "/match";
      if (input.match.empty()) continue;
      RuleFeed& feed = program_.feeds.emplace_back();
      ParseFilters(input.match, pointer, feed);
      if (failed_) return;
      ReadKey(pointer, feed);
      feed.stale_after = input.stale_after;
    }
  }

  void ParseFilters(const std::vector<std::string>& match, const std::string& pointer, RuleFeed& feed) {
    for (const std::string& text : match) {
      Result<TopicFilter> filter = TopicFilter::Parse(text);
      if (!filter) return Mistake(pointer, "`" + text + "`: " + filter.error().message);
      feed.filters.push_back({std::move(*filter), {}, {}});
    }
  }

  void ChooseKey() {
    const std::vector<RuleFilter>& filters = program_.feeds[0].filters;
    program_.by = rule_.by ? *rule_.by : filters[0].filter.names();
    if (rule_.by) return;
    for (const RuleFilter& filter : filters) {
      if (filter.filter.names() == program_.by) continue;
      return Mistake("match", "these filters name different levels: say by which the states are told apart, with `by`");
    }
    const bool is_wild = filters.size() > 1 || filters[0].filter.Plain().find_first_of("+#") != std::string::npos;
    if (!program_.by.empty() || !is_wild || !rule_.inputs.empty()) return;
    mistakes_.push_back({"match",
                         "all topics that match share one state; name the levels that tell sensors apart, as in `plant/{press}/temp`, "
                         "or say \"by\": [] if that is meant",
                         true});
  }

  // Which names of the key the events of a feed have, and where. Those of other feeds may lack some.
  void ReadKey(const std::string& pointer, RuleFeed& feed) {
    const bool is_own = &feed == &program_.feeds[0];
    for (std::size_t i = 0; i < program_.by.size(); ++i) {
      const std::string& name = program_.by[i];
      const auto named = static_cast<std::size_t>(
          std::count_if(feed.filters.begin(), feed.filters.end(), [&](const RuleFilter& filter) { return HasName(filter.filter, name); }));
      if (named != 0 && named != feed.filters.size())
        return Mistake(pointer, "`{" + name + "}` is in one of these filters, but not in all; `by` needs it in all");
      if (named == 0 && !is_own) continue;
      if (named == 0 && !AddKeyField(name, feed)) return;
      if (named != 0) feed.key_fields.emplace_back();
      feed.by.push_back(i);
      for (RuleFilter& filter : feed.filters)
        filter.key_levels.push_back(named == 0 ? RuleFilter::kNoLevel : PlaceOf(filter.filter.names(), name));
    }
  }

  bool AddKeyField(const std::string& name, RuleFeed& feed) {
    Result<FieldPath> path = FieldPath::Parse(name);
    if (!path) return Mistake("by", "`" + name + "` is neither a name in `match` nor a field of the payload"), false;
    feed.key_fields.push_back(std::move(*path));
    return true;
  }

  // ------------------------------------------------------------------------------------------------------------ inputs

  void ParseInputs() {
    std::size_t feed = 0;
    for (const RuleInputConfig& input : rule_.inputs) {
      const bool is_own = input.match.empty();
      const std::string pointer = "inputs/" + input.name;
      trees_.push_back(Parse(input.value, pointer));
      program_.inputs.push_back({input.name, std::nullopt, is_own ? 0 : ++feed});
      if (PlaceOf(program_.by, input.name) < program_.by.size())
        Mistake(pointer, "`" + input.name + "` is a name of `by` already; choose another");
    }
  }

  ConditionNode Parse(const std::string& text, const std::string& pointer) {
    Result<ConditionNode> tree = ParseConditionTree(text, ConditionScope::kStream);
    if (tree) return std::move(*tree);
    Mistake(pointer, tree.error().message);
    return {What::kNull, "", 0, {}};
  }

  void CompileInputs() {
    for (std::size_t i = 0; i < rule_.inputs.size() && !failed_; ++i) {
      const RuleInputConfig& config = rule_.inputs[i];
      RuleInput& input = program_.inputs[i];
      const std::size_t least = config.min_samples > 0 ? config.min_samples : rule_.min_samples;
      std::optional<RuleExpression> value =
          Compile(config.value, trees_[i], {input.feed, "inputs/" + input.name, least, {input.name}, false}, Type::kAny);
      (input.feed == 0 ? input.value : program_.feeds[input.feed].value) = std::move(value);
    }
  }

  // -------------------------------------------------------------------------------------------------------- expressions

  std::optional<RuleExpression> Compile(const std::string& text, ConditionNode tree, Scope scope, Type type) {
    tree = Resolve(text, std::move(tree), scope);
    if (failed_) return std::nullopt;
    Result<ConditionSyntax> syntax = WriteCondition(text, tree, type);
    if (!syntax) return Mistake(scope.pointer, syntax.error().message), std::nullopt;
    Result<Condition> condition = engine_.Prepare(std::move(*syntax));
    if (!condition) return Mistake(scope.pointer, condition.error().message), std::nullopt;
    RuleExpression expression{std::move(*condition), {}};
    for (const std::string& name : expression.condition.inputs()) expression.operands.push_back(OperandOf(name, scope));
    return expression;
  }

  // Puts expressions in the place of inputs, and marks in that of windows and other feeds.
  ConditionNode Resolve(const std::string& text, ConditionNode node, const Scope& scope) {
    if (failed_) return node;
    if (node.what == What::kWindow) return ResolveWindow(text, std::move(node), scope);
    if (node.what == What::kInput) return ResolveName(text, std::move(node), scope);
    for (ConditionNode& part : node.parts) part = Resolve(text, std::move(part), scope);
    return node;
  }

  ConditionNode ResolveWindow(const std::string& text, ConditionNode node, const Scope& scope) {
    if (scope.in_window) return Fail(text, node, scope, "a window cannot be over a window");
    RuleFeed& feed = program_.feeds[scope.feed];
    Scope inside = scope;
    inside.in_window = true;
    RuleWindow window;
    window.duration = node.duration;
    std::optional<RuleExpression> of = Compile(text, node.parts[0], inside, Type::kNumber);
    if (!of) return node;
    window.text = of->condition.sql();
    for (const RuleOperand& operand : of->operands)
      window.text += "," + std::to_string(static_cast<int>(operand.kind)) + ":" + std::to_string(operand.index);
    const bool is_plain =
        of->operands.size() == 1 && node.parts[0].what == What::kInput && of->operands[0].kind == RuleOperand::Kind::kVariable;
    if (is_plain) window.variable = of->operands[0].index;
    if (!is_plain) window.of = std::move(of);
    const std::size_t place =
        PlaceOf(feed.windows, [&](const RuleWindow& known) { return known.text == window.text && known.duration == window.duration; });
    if (place == feed.windows.size()) feed.windows.push_back(std::move(window));
    if (feed.windows.size() > kMaxWindows) return Fail(text, node, scope, "a rule has at most " + std::to_string(kMaxWindows) + " windows");
    uses_.push_back({RuleOperand::Kind::kWindow, place, *WindowFunctionOf(node.text), scope.min_samples});
    return Number(kWindowMark + std::to_string(uses_.size() - 1), node.at);
  }

  // A name that is a number, wherever it stands.
  static ConditionNode Number(std::string name, std::size_t at) {
    ConditionNode node{What::kNumeric, "+", at, {}};
    node.parts.push_back({What::kInput, std::move(name), at, {}});
    return node;
  }

  ConditionNode ResolveName(const std::string& text, ConditionNode node, const Scope& scope) {
    const std::size_t place = PlaceOf(program_.inputs, [&](const RuleInput& input) { return input.name == node.text; });
    if (place == program_.inputs.size()) return node;
    if (scope.feed != 0)
      return node.text == scope.within.back() ? node : Fail(text, node, scope, "an input of other sensors cannot look at other inputs");
    const RuleInput& input = program_.inputs[place];
    if (input.feed != 0) {
      if (scope.in_window)
        return Fail(text, node, scope, "a window is over the events of one `match`; `" + node.text + "` has one of its own");
      return {What::kInput, kOtherMark + std::to_string(input.feed), node.at, {}};
    }
    // Within its own expression a name is the field: "temp": "temp * 1.8 + 32".
    if (!scope.within.empty() && scope.within.back() == node.text) return node;
    if (PlaceOf(scope.within, node.text) < scope.within.size()) return Fail(text, node, scope, "`" + node.text + "` is made of itself");
    if (++placed_ > kMaxPlaced) return Fail(text, node, scope, "inputs stand for inputs too often: the rule is too complex");
    Scope inside = scope;
    inside.within.push_back(node.text);
    if (rule_.inputs[place].min_samples > 0) inside.min_samples = rule_.inputs[place].min_samples;
    ConditionNode tree = trees_[place];
    MoveTo(node.at, tree);
    return Resolve(text, std::move(tree), inside);
  }

  ConditionNode Fail(const std::string& text, ConditionNode node, const Scope& scope, const std::string& what) {
    Mistake(scope.pointer, ConditionError(text, node.at, what).message);
    return node;
  }

  RuleOperand OperandOf(const std::string& name, const Scope& scope) {
    using Kind = RuleOperand::Kind;
    if (IsMarked(name, kWindowMark)) return uses_[std::stoul(name.substr(1))];
    if (IsMarked(name, kTimeMark)) return {Kind::kTime, std::stoul(name.substr(1))};
    if (IsMarked(name, kOtherMark)) return {Kind::kOther, std::stoul(name.substr(1))};
    RuleFeed& feed = program_.feeds[scope.feed];
    const std::size_t key = PlaceOf(program_.by, name);
    if (std::find(feed.by.begin(), feed.by.end(), key) != feed.by.end()) return {Kind::kKey, key};
    return {Kind::kVariable, VariableOf(name, feed, scope.pointer)};
  }

  std::size_t VariableOf(const std::string& name, RuleFeed& feed, const std::string& pointer) {
    const bool is_level =
        std::all_of(feed.filters.begin(), feed.filters.end(), [&](const RuleFilter& filter) { return HasName(filter.filter, name); });
    if (is_level) return AddVariable({RuleVariable::Kind::kLevel, name, {}}, feed);
    Result<FieldPath> path = FieldPath::Parse(name);
    if (!path) return Mistake(pointer, "`" + name + "` is no field; one is written name, or outer.inner"), 0;
    Hint(name, feed, pointer);
    return AddVariable({RuleVariable::Kind::kField, name, std::move(*path)}, feed);
  }

  // Any name may be a field; one that is nearly a name of the rule is probably meant as that.
  void Hint(const std::string& name, const RuleFeed& feed, const std::string& pointer) {
    std::vector<std::string> names = program_.by;
    for (const RuleInput& input : program_.inputs) names.push_back(input.name);
    for (const RuleFilter& filter : feed.filters) names.insert(names.end(), filter.filter.names().begin(), filter.filter.names().end());
    std::erase_if(names, [&](const std::string& known) { return known == name || std::min(known.size(), name.size()) < 4; });
    const std::string meant = SlipSuggestion(name, names);
    if (meant.empty()) return;
    const std::string message = "`" + name + "` is taken for a field of the payload." + meant;
    const bool is_told = std::any_of(mistakes_.begin(), mistakes_.end(),
                                     [&](const RuleMistake& told) { return told.pointer == pointer && told.message == message; });
    if (!is_told) mistakes_.push_back({pointer, message, true});
  }

  static std::size_t AddVariable(RuleVariable variable, RuleFeed& feed) {
    const std::size_t place =
        PlaceOf(feed.variables, [&](const RuleVariable& known) { return known.kind == variable.kind && known.name == variable.name; });
    if (place < feed.variables.size()) return place;
    for (RuleFilter& filter : feed.filters) {
      const bool is_level = variable.kind == RuleVariable::Kind::kLevel;
      filter.levels.push_back(is_level ? PlaceOf(filter.filter.names(), variable.name) : RuleFilter::kNoLevel);
    }
    feed.variables.push_back(std::move(variable));
    return place;
  }

  // --------------------------------------------------------------------------------------------------------- conditions

  void CompileConditions() {
    if (rule_.when.empty()) return;
    const ConditionNode when = Parse(rule_.when, "when");
    if (failed_) return;
    program_.when = Compile(rule_.when, when, {0, "when", rule_.min_samples, {}, false}, Type::kNumber);
    if (const ConditionNode* first = FirstOf(when))
      program_.value = Compile(rule_.when, *first, {0, "when", rule_.min_samples, {}, false}, Type::kAny);
    if (program_.when && program_.value) FindValueSlot();
    if (rule_.clear_when.empty() || failed_) return;
    const ConditionNode clear = Parse(rule_.clear_when, "clear_when");
    if (!failed_) program_.clear_when = Compile(rule_.clear_when, clear, {0, "clear_when", rule_.min_samples, {}, false}, Type::kNumber);
  }

  void FindValueSlot() {
    const std::vector<RuleOperand>& value = program_.value->operands;
    const std::vector<RuleOperand>& all = program_.when->operands;
    if (value.size() != 1 || !program_.value->IsPlain()) return;
    const auto found = std::find(all.begin(), all.end(), value[0]);
    if (found != all.end()) program_.value_slot = static_cast<std::size_t>(found - all.begin());
  }

  // The first name or window; null if there is none.
  static const ConditionNode* FirstOf(const ConditionNode& node) {
    if (node.what == What::kWindow || (node.what == What::kInput && !IsMarked(node.text, kTimeMark))) return &node;
    const ConditionNode* first = nullptr;
    for (const ConditionNode& part : node.parts) {
      const ConditionNode* of_part = FirstOf(part);
      if (of_part != nullptr && (first == nullptr || of_part->at < first->at)) first = of_part;
    }
    return first;
  }

  // -------------------------------------------------------------------------------------------------------------- texts

  void CompileTexts() {
    for (const auto& [name, text] : rule_.labels) AddText("labels/" + name, name, text, true, program_.labels);
    for (const auto& [name, text] : rule_.annotations) AddText("annotations/" + name, name, text, false, program_.annotations);
  }

  void AddText(const std::string& pointer, const std::string& name, const std::string& text, bool is_label,
               std::vector<RuleProgram::Text>& texts) {
    Result<Template> parsed = Template::Parse(text, [&](std::string_view wanted) { return NameOf(std::string(wanted), is_label); });
    if (!parsed)
      return Mistake(pointer, parsed.error().message + (is_label ? "; a label, which names one alert, knows names of `by` only" : ""));
    texts.push_back({name, std::move(*parsed)});
  }

  std::optional<Template::Name> NameOf(const std::string& name, bool is_label) {
    constexpr std::string_view kLabel = "label.";
    constexpr std::string_view kPayload = "payload.";
    if (name == "gateway.id") return gateway_.id;
    if (name == "gateway.hostname") return gateway_.hostname;
    if (name.starts_with(kLabel)) {
      const auto label = gateway_.labels.find(name.substr(kLabel.size()));
      return label == gateway_.labels.end() ? std::nullopt : std::optional<Template::Name>(label->second);
    }
    const std::size_t key = PlaceOf(program_.by, name);
    if (key < program_.by.size()) return RuleProgram::kFirst + key;
    if (is_label) return std::nullopt;
    if (name == "value") return RuleProgram::kValue;
    if (name == "since") return RuleProgram::kSince;
    std::size_t number = RuleProgram::kFirst + program_.by.size();
    const std::size_t input = PlaceOf(program_.inputs, [&](const RuleInput& one) { return one.name == name; });
    if (input < program_.inputs.size()) return number + input;
    number += program_.inputs.size();
    RuleFeed& feed = program_.feeds[0];
    using Kind = RuleVariable::Kind;
    if (name == "topic") return number + AddVariable({Kind::kTopic, name, {}}, feed);
    if (name == "source") return number + AddVariable({Kind::kSource, name, {}}, feed);
    if (name.starts_with(kPayload)) {
      Result<FieldPath> path = FieldPath::Parse(name.substr(kPayload.size()));
      if (!path) return std::nullopt;
      const std::string field = path->text;
      return number + AddVariable({Kind::kField, field, std::move(*path)}, feed);
    }
    const bool is_level =
        std::all_of(feed.filters.begin(), feed.filters.end(), [&](const RuleFilter& filter) { return HasName(filter.filter, name); });
    return is_level ? std::optional<Template::Name>(number + AddVariable({Kind::kLevel, name, {}}, feed)) : std::nullopt;
  }

  // ----------------------------------------------------------------------------------------------------------- the whole

  void Conclude() {
    using Kind = RuleOperand::Kind;
    for (const auto* condition : {&program_.when, &program_.clear_when}) {
      if (!*condition) continue;
      program_.is_event_bound |= (*condition)->Has(Kind::kVariable);
      program_.is_time_bound |= (*condition)->Has(Kind::kWindow) || (*condition)->Has(Kind::kOther);
    }
    const bool lasts = program_.is_time_bound || program_.times.hold.count() > 0 || program_.times.keep.count() > 0;
    program_.keeps_values = lasts && !program_.feeds[0].variables.empty();
    program_.hash = HashOf();
  }

  std::uint64_t HashOf() const {
    Fingerprint hash;
    const auto add_all = [&](const std::vector<std::string>& texts) {
      for (const std::string& text : texts) hash.Add(text);
      hash.Add("");
    };
    add_all(rule_.match);
    add_all(program_.by);
    for (const RuleInputConfig& input : rule_.inputs) {
      add_all(
          {input.name, input.value, std::to_string(input.stale_after.value_or(Duration(0)).count()), std::to_string(input.min_samples)});
      add_all(input.match);
    }
    add_all({rule_.when, rule_.clear_when, std::to_string(rule_.for_at_least.count()), std::to_string(rule_.keep_firing_for.count()),
             std::to_string(rule_.absent_for.value_or(Duration(0)).count()), std::to_string(rule_.min_samples),
             rule_.count_blind_time ? "blind" : ""});
    for (const auto& [name, text] : rule_.labels) add_all({name, text});
    return hash.value();
  }

  ConditionEngine& engine_;
  const GatewayConfig& gateway_;
  const RuleConfig& rule_;
  std::vector<RuleMistake>& mistakes_;
  bool failed_ = false;
  RuleProgram program_;
  std::vector<ConditionNode> trees_;  // Of the inputs.
  std::size_t placed_ = 0;            // How many times one was put in the place of its name.
  std::vector<RuleOperand> uses_;     // Of windows, by the numbers of their marks.
};

}  // namespace

bool RuleExpression::Has(RuleOperand::Kind kind) const {
  return std::any_of(operands.begin(), operands.end(), [&](const RuleOperand& operand) { return operand.kind == kind; });
}

bool RuleExpression::IsPlain() const {
  return condition.sql() == "(?1)" || condition.sql() == "(+ (?1))";
}

std::optional<RuleProgram> CompileRule(ConditionEngine& engine, const GatewayConfig& gateway, const RuleConfig& rule,
                                       std::vector<RuleMistake>& mistakes) {
  return RuleCompiler(engine, gateway, rule, mistakes).Run();
}

}  // namespace sluice
